package manager

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Dump is what is in a text of pg_dumpall: the databases, and of each the tables with their numbers of rows.
type Dump struct {
	Databases map[string]map[string]int
}

// Errors of a dump that must not be loaded.
var (
	ErrCutOff   = errors.New("the dump is cut off: it does not end with PostgreSQL's own end mark")
	ErrNotADump = errors.New("it is no dump of pg_dumpall")
)

// The marks that pg_dumpall writes at the beginning and at the end, since PostgreSQL 8.4 at least.
const (
	beginMark = "-- PostgreSQL database cluster dump"
	endMark   = "-- PostgreSQL database cluster dump complete"
)

// ReadDump reads a dump of pg_dumpall to its end (lustre:90). One that was cut off, within a table or between two, is
// ErrCutOff: psql would drop what there is, and load a part. No error shows what is in the dump.
func ReadDump(r io.Reader) (*Dump, error) {
	d := &Dump{Databases: map[string]map[string]int{}}
	in := bufio.NewReaderSize(r, 64<<10)
	database, table := "", ""
	begun, ended := false, false
	for {
		line, whole, err := beginning(in)
		if errors.Is(err, io.EOF) && line == "" {
			break
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if !whole { // a line without its end is the last one
			return nil, ErrCutOff
		}
		if table != "" {
			if line == `\.` {
				table = ""
			} else {
				d.Databases[database][table]++
			}
			continue
		}
		if ended && line != "" && line != "--" && !strings.HasPrefix(line, `\unrestrict `) {
			ended = false // the mark was not the end
		}
		switch {
		case line == beginMark:
			begun = true
		case line == endMark:
			ended = true
		case strings.HasPrefix(line, `\connect `):
			if database = connects(line); database == "" {
				return nil, fmt.Errorf(`%w: a \connect that is not understood`, ErrNotADump)
			}
			if d.Databases[database] == nil {
				d.Databases[database] = map[string]int{}
			}
		case strings.HasPrefix(line, "COPY ") && strings.HasSuffix(line, " FROM stdin;"):
			if d.Databases[database] == nil {
				return nil, fmt.Errorf("%w: it has rows before it connects to a database", ErrNotADump)
			}
			table = strings.TrimPrefix(strings.Fields(line)[1], "public.")
			d.Databases[database][table] += 0
		}
	}
	switch {
	case !begun:
		return nil, ErrNotADump
	case table != "" || !ended:
		return nil, ErrCutOff
	}
	return d, nil
}

// beginning is the next line without its end; of one that is longer than the reader's buffer, its beginning. whole
// tells whether the line has an end.
func beginning(in *bufio.Reader) (line string, whole bool, err error) {
	part, err := in.ReadSlice('\n')
	line = string(bytes.TrimSuffix(part, []byte("\n")))
	for errors.Is(err, bufio.ErrBufferFull) {
		_, err = in.ReadSlice('\n')
	}
	return line, err == nil, err
}

// connects is the database of a \connect line; empty where it is not understood.
func connects(line string) string {
	words := strings.Fields(line)
	if len(words) == 3 && strings.HasPrefix(words[1], "-reuse-previous=") {
		words = append(words[:1], strings.TrimSuffix(strings.TrimPrefix(strings.Trim(words[2], `"`), "dbname='"), "'"))
	}
	if len(words) != 2 {
		return ""
	}
	return strings.Trim(words[1], `"'`)
}

// Rows are the numbers of rows of these tables of a database, as the database itself is asked for them later: "a=1
// b=2". A database or a table that the dump does not have is an error.
func (d *Dump) Rows(database string, tables []string) (string, error) {
	have, ok := d.Databases[database]
	if !ok {
		return "", fmt.Errorf("the dump has no database %s", database)
	}
	var rows []string
	for _, t := range slices.Sorted(slices.Values(tables)) {
		n, ok := have[t]
		if !ok {
			return "", fmt.Errorf("the dump has no table %s in the database %s", t, database)
		}
		rows = append(rows, fmt.Sprintf("%s=%d", t, n))
	}
	return strings.Join(rows, " "), nil
}
