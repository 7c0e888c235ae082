"""What a picture's pixels show, at little cost: samples of it, sums of its cells, a stand-in of some bytes."""
