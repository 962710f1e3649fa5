package backup

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// Checks of what a later step reads. None shows what is in a file: it may be a password or a key.

// NotEmpty is a Check that refuses a file without content.
func NotEmpty(data []byte) error {
	if strings.TrimSpace(string(data)) == "" {
		return errors.New("the file is empty")
	}
	return nil
}

// Every is a Check that all of the checks must pass.
func Every(checks ...func([]byte) error) func([]byte) error {
	return func(data []byte) error {
		for _, check := range checks {
			if err := check(data); err != nil {
				return err
			}
		}
		return nil
	}
}

// WholeLines is a Check for a text that ends with a line's end, as every editor and program writes it: what was cut off
// does not. A text without content is refused too.
func WholeLines(data []byte) error {
	if err := NotEmpty(data); err != nil {
		return err
	}
	if data[len(data)-1] != '\n' {
		return errors.New("its last line has no end: it was cut off")
	}
	if bytes.IndexByte(data, 0) >= 0 {
		return errors.New("it holds NUL bytes: it was damaged before it was backed up")
	}
	return nil
}

// HasLine is a Check for a text that has a line with these words at its beginning, whatever blanks are around them; a
// comment does not count.
func HasLine(words ...string) func([]byte) error {
	return func(data []byte) error {
		for line := range strings.Lines(string(data)) {
			fields := strings.Fields(line)
			if len(fields) >= len(words) && strings.Join(fields[:len(words)], " ") == strings.Join(words, " ") {
				return nil
			}
		}
		return fmt.Errorf("it has no line that begins with %q", strings.Join(words, " "))
	}
}

// accountFile is a Check for one of the four files of accounts: every line has so many fields, and root is there.
func accountFile(fields int) func([]byte) error {
	return func(data []byte) error {
		if err := WholeLines(data); err != nil {
			return err
		}
		root, n := false, 0
		for line := range strings.Lines(string(data)) {
			n++
			line = strings.TrimSuffix(line, "\n")
			if line == "" || line[0] == '#' || line[0] == '+' || line[0] == '-' { // the last two are NIS's
				continue
			}
			parts := strings.Split(line, ":")
			if len(parts) != fields {
				return fmt.Errorf("line %d has %d fields, not %d", n, len(parts), fields)
			}
			root = root || parts[0] == "root"
		}
		if !root {
			return errors.New("root is not in it")
		}
		return nil
	}
}

// contentChecks judge what the guide's restore puts over files of a fresh system: a file that was cut off there locks everybody out.
var contentChecks = map[string]func([]byte) error{
	"/etc/hosts":         WholeLines,
	"/etc/resolv.conf":   WholeLines,
	"/etc/nsswitch.conf": WholeLines,
	"/etc/passwd":        accountFile(7),
	"/etc/group":         accountFile(4),
	"/etc/shadow":        accountFile(9),
	"/etc/gshadow":       accountFile(4),
	"/etc/sudoers":       WholeLines,
	"/etc/ntp.conf":      WholeLines,
}
