//go:build !linux

package evenkeel

import (
	"errors"
	"os"
)

func markHeld(*os.File) {}

// JournalInUse tells whether a process has the journal at a path open, as a run has it. It is known on Linux alone.
func JournalInUse(string) (bool, error) {
	return false, errors.New("whether the journal is in use can be told on Linux alone")
}
