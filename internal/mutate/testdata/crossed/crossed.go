// Package crossed has tests that pass alone, and fail one after the other.
package crossed

import "fmt"

// Word is a number in a word.
func Word(n int) string {
	if n == 0 {
		return "none"
	}
	return fmt.Sprint(n)
}
