package lustre

import (
	"io"
	"regexp"
	"strings"

	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
)

// param is a parameter as lctl get_param prints it: NAME=VALUE where the value is one line, else NAME= and the value on
// the lines that follow. With -n the name is left out.
type param struct {
	name  string   // empty where it was left out
	line  int      // of the name, or of the first line of the value
	first int      // the line on which the value begins
	value []string // its lines
}

// readParams takes the output of lctl get_param apart. Which lines are names, the caller says: a value of many lines may
// have a line that looks like one. What comes before the first name is a parameter without one.
func readParams(r io.Reader, named *regexp.Regexp) (string, []param, error) {
	data, err := srcerr.ReadText(r)
	if err != nil {
		return "", nil, err
	}
	file := srcerr.NameOf(r)
	var list []param
	text := string(data)
	if text != "" && !strings.HasSuffix(text, "\n") {
		return file, nil, srcerr.Errorf(file, 1+strings.Count(text, "\n"), 1, lastLine(text), "the last line has no end: the output was cut off")
	}
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		if m := named.FindString(line); m != "" {
			p := param{name: strings.TrimSuffix(m, "="), line: i + 1, first: i + 2}
			if rest := line[len(m):]; rest != "" {
				p.first, p.value = i+1, []string{rest}
			}
			list = append(list, p)
			continue
		}
		if len(list) == 0 {
			if strings.TrimSpace(line) == "" {
				continue
			}
			list = append(list, param{line: i + 1, first: i + 1})
		}
		last := &list[len(list)-1]
		last.value = append(last.value, line)
	}
	if len(list) == 0 {
		return file, nil, srcerr.Errorf(file, 1, 1, "", "lctl get_param printed no parameter")
	}
	return file, list, nil
}

func lastLine(text string) string { return text[strings.LastIndexByte(text, '\n')+1:] }

// misnamed is an error at the name.
func (p param) misnamed(file string, err error) *ParseError {
	return srcerr.Errorf(file, p.line, 1, p.name, "%w", err)
}

// at is an error at a line of the value.
func (p param) at(file string, i int, format string, args ...any) *ParseError {
	near := ""
	if i < len(p.value) {
		near = p.value[i]
	}
	return srcerr.Errorf(file, p.first+i, 1, near, format, args...)
}
