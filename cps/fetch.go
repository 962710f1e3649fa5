package cps

import (
	"io"
	"path"
	"regexp"
	"strings"
)

// Fetch is a file that sftp has copied: "Fetching REMOTE to LOCAL" (cps:446,1613).
type Fetch struct {
	Remote string // its path on the machine that it was copied from
	Local  string // the name that it has now
	Shown  string // the path on the progress line that follows; empty where there is none
	Line   int
}

var (
	fetchStart = regexp.MustCompile(`^(?:sftp> *)?Fetching\b`)
	fetchForm  = regexp.MustCompile(`^Fetching (\S+)(?: (\S+))? to (\S+)$`)
	fetchShown = regexp.MustCompile(`^(/\S+)(?:\s+\d+%.*)?$`)
)

// ParseFetches reads a session of sftp. The line may be wrapped, and name the remote file twice, by its path and by its
// name, as the guide has both (cps:1613). A session in which nothing was fetched, and a line that says neither, are
// errors.
func ParseFetches(r io.Reader) ([]Fetch, error) {
	src, err := readSource(r, "sftp")
	if err != nil {
		return nil, err
	}
	var list []Fetch
	open, start := "", 0
	for _, l := range src.clean() {
		text := strings.TrimSpace(l.text)
		switch {
		case open != "":
			open = strings.TrimSpace(open + " " + text)
		case fetchStart.MatchString(text):
			open, start = strings.TrimSpace(strings.TrimPrefix(text, "sftp>")), l.no
		default:
			if m := fetchShown.FindStringSubmatch(text); m != nil && len(list) > 0 && list[len(list)-1].Shown == "" {
				list[len(list)-1].Shown = m[1]
			}
		}
		if open == "" || strings.HasSuffix(open, " to") && text != "" && l.no == start {
			continue // it goes on in the next line
		}
		m := fetchForm.FindStringSubmatch(open)
		if m == nil || m[2] != "" && m[2] != path.Base(m[1]) {
			src.failf(start, 1, open, "not Fetching REMOTE to LOCAL")
		} else {
			list = append(list, Fetch{Remote: m[1], Local: m[3], Line: start})
		}
		open = ""
	}
	if open != "" {
		src.failf(start, 1, open, "the session is cut off in this line")
	}
	if len(list) == 0 && len(src.errs) == 0 {
		src.failf(src.end(), 0, "", "nothing was fetched: a line Fetching REMOTE to LOCAL is missing")
	}
	if err := src.err(); err != nil {
		return nil, err
	}
	return list, nil
}

// ReviewFetches says what of the copies is not the archive that it should be: a file of another name than migrate.sh
// gives, a copy under another name, by which nobody finds it again, and progress of another file than the one that was
// asked for.
func ReviewFetches(file string, list []Fetch) []Finding {
	f := findings{file: file}
	for _, one := range list {
		if _, err := ParseArchiveName(one.Remote); err != nil {
			f.add(Warning, one.Line, "CPS-136", "what was fetched is no archive of migrate.sh: %v", err)
		}
		if path.Base(one.Local) != path.Base(one.Remote) {
			f.add(Warning, one.Line, "CPS-136", "the copy of %s is called %s: give it its own name, or nobody finds it for a rollback",
				path.Base(one.Remote), one.Local)
		}
		if one.Shown != "" && one.Shown != one.Remote {
			f.add(Error, one.Line, "CPS-136", "%s was to be fetched, and the progress is of %s: fetch it again", one.Remote, one.Shown)
		}
	}
	return f.list
}
