"""Moving and still pictures cut from videos: overlays, film strips, videos that browsers play."""
