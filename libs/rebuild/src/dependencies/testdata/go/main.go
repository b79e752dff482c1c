// Command tally adds entries up and tells where it was built.
package main

import (
	"os"
	"runtime"
	"strconv"

	"example.org/Mark"
)

func main() {
	_, file, _, _ := runtime.Caller(0)
	os.Stdout.WriteString(strconv.FormatUint(mark.Of([]byte(file)), 10) + " " + file + "\n")
}
