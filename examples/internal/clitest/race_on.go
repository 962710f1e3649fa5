//go:build race

package clitest

// raced: a thousand lives of a binary built with the race detector take ten minutes, and show nothing that a few do not.
const raced = true
