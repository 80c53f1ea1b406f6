"""What every floor rests on: checks, threads, random numbers, results, the codec."""
