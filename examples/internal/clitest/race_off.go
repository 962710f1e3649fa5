//go:build !race

package clitest

const raced = false
