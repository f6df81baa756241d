"""What is granted to whom, by which subscription and until when. Follows the access that events state; derives no rule."""
