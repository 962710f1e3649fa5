//go:build !linux

// Pairlabd needs Linux.
package main

import "os"

func main() {
	_, _ = os.Stderr.WriteString("pairlabd needs Linux\n")
	os.Exit(1)
}
