package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// canHold refuses a directory for archives that something else stands in the way of: a run that finds it out late has a
// machine down.
func canHold(key, dir string) error {
	for at := dir; dir != ""; at = filepath.Dir(at) {
		info, err := os.Stat(at)
		if err == nil && !info.IsDir() {
			return fmt.Errorf("%s: %s: %s is no directory", key, dir, at)
		}
		if err == nil || at == filepath.Dir(at) {
			break
		}
	}
	return nil
}
