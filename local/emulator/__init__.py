"""ministack, mended where it differs from AWS in something that this pipeline rests on."""
