"""What somebody corrected in a review: taken as annotations, and written as a table of recordings."""
