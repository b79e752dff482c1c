module example.org/tally

go 1.24

require example.org/Mark v0.2.1
