package simhost

import (
	"fmt"
	"strings"
)

// flags are the options of a command line, taken apart.
type flags struct {
	short string            // the short options given, as one text
	long  map[string]string // the long options, with their values
	value map[byte]string   // the values of short options
	rest  []string          // what is no option
}

// has tells whether one of the short options, or the long option, was given.
func (f flags) has(short, long string) bool {
	_, ok := f.long[long]
	return ok || strings.ContainsAny(f.short, short)
}

// parseFlags takes options apart. Of the short options those in known stand alone, those in valued take a value; any
// other is an error. Long options are --name or --name=value.
func parseFlags(args []string, known, valued string, longs ...string) (flags, error) {
	f := flags{long: map[string]string{}, value: map[byte]string{}}
	for i := 0; i < len(args); i++ {
		switch a := args[i]; {
		case a == "--":
			f.rest = append(f.rest, args[i+1:]...)
			return f, nil
		case strings.HasPrefix(a, "--"):
			name, value, _ := strings.Cut(a[2:], "=")
			if !containsText(longs, name) {
				return f, fmt.Errorf("unrecognized option '%s'", a)
			}
			f.long[name] = value
		case len(a) > 1 && a[0] == '-':
			for k := 1; k < len(a); k++ {
				switch {
				case strings.IndexByte(known, a[k]) >= 0:
					f.short += a[k : k+1]
				case strings.IndexByte(valued, a[k]) >= 0:
					f.short += a[k : k+1]
					value := a[k+1:]
					if value == "" {
						if i++; i >= len(args) {
							return f, fmt.Errorf("option requires an argument -- '%c'", a[k])
						}
						value = args[i]
					}
					f.value[a[k]] = value
					k = len(a)
				default:
					return f, fmt.Errorf("invalid option -- '%c'", a[k])
				}
			}
		default:
			f.rest = append(f.rest, a)
		}
	}
	return f, nil
}

func containsText(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// Split takes one typed line apart as a shell would, knowing quotes and backslashes but no expansion of any kind.
func Split(line string) ([]string, error) {
	var (
		out   []string
		word  strings.Builder
		open  bool
		quote rune
	)
	runes := []rune(line)
	for i := 0; i < len(runes); i++ {
		r := runes[i]
		switch {
		case quote == '\'' && r != quote, quote == '"' && r != quote && r != '\\':
			word.WriteRune(r)
		case quote != 0 && r == quote:
			quote = 0
		case r == '\\':
			if i++; i >= len(runes) {
				return nil, fmt.Errorf("cannot split %q: it ends in a backslash", line)
			}
			if quote == '"' && !strings.ContainsRune("\"\\$`\n", runes[i]) {
				word.WriteRune('\\')
			}
			if runes[i] != '\n' {
				word.WriteRune(runes[i])
				open = true
			}
		case r == '\'' || r == '"':
			quote, open = r, true
		case r == ' ' || r == '\t' || r == '\n':
			if open {
				out = append(out, word.String())
				word.Reset()
				open = false
			}
		default:
			word.WriteRune(r)
			open = true
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("cannot split %q: a quote is not closed", line)
	}
	if open {
		out = append(out, word.String())
	}
	return out, nil
}
