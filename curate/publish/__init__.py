"""Publishing: facts, prose and card, the release folder, its licences, and the way to a folder or a hub."""
