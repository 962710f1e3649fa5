//go:build linux

package initd

import (
	"io"
	"strings"

	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
)

// entry is one "Key=value" of a unit file, with its place.
type entry struct {
	value string
	line  int
}

// unitFile is a unit file as it is written: sections, keys, and every value of a key in order. An empty value empties
// the list, as systemd has it.
//
// https://www.freedesktop.org/software/systemd/man/latest/systemd.syntax.html
type unitFile struct {
	name     string
	sections map[string]map[string][]entry
}

func parseUnitFile(r io.Reader) (*unitFile, error) {
	text, err := srcerr.ReadText(r)
	if err != nil {
		return nil, err
	}
	f := &unitFile{name: srcerr.NameOf(r), sections: map[string]map[string][]entry{}}
	var keys map[string][]entry
	lines := strings.Split(string(text), "\n")
	for i := 0; i < len(lines); i++ {
		at, line := i+1, strings.TrimSpace(lines[i])
		if isComment(line) {
			continue
		}
		// A comment within a continued line does not end it.
		for strings.HasSuffix(line, `\`) && i+1 < len(lines) {
			i++
			if next := strings.TrimSpace(lines[i]); next != "" && isComment(next) {
				continue
			}
			line = strings.TrimSuffix(line, `\`) + " " + strings.TrimSpace(lines[i])
		}
		if name, ok := sectionName(line); ok {
			if f.sections[name] == nil {
				f.sections[name] = map[string][]entry{}
			}
			keys = f.sections[name]
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		switch key, value = strings.TrimSpace(key), strings.TrimSpace(value); {
		case !ok || key == "":
			return nil, srcerr.Errorf(f.name, at, 1, line, "want [Section] or Key=value")
		case keys == nil:
			return nil, srcerr.Errorf(f.name, at, 1, line, "a key before the first [Section]")
		case value == "":
			delete(keys, key)
		default:
			keys[key] = append(keys[key], entry{value, at})
		}
	}
	return f, nil
}

func isComment(line string) bool { return line == "" || line[0] == '#' || line[0] == ';' }

func sectionName(line string) (string, bool) {
	if len(line) > 2 && line[0] == '[' && line[len(line)-1] == ']' {
		return line[1 : len(line)-1], true
	}
	return "", false
}

// last is the value that holds where a key may stand once.
func (f *unitFile) last(section, key string) (entry, bool) {
	all := f.sections[section][key]
	if len(all) == 0 {
		return entry{}, false
	}
	return all[len(all)-1], true
}

// words are all the values of a list such as Requires=.
func (f *unitFile) words(section, key string) []string {
	var words []string
	for _, e := range f.sections[section][key] {
		words = append(words, strings.Fields(e.value)...)
	}
	return words
}
