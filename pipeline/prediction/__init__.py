"""A trained run on new videos: the run (`trained_run`), the videos (`new_videos`), what comes of them (`predict`)."""
