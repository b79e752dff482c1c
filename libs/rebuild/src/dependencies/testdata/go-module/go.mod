module example.org/Mark

go 1.24
