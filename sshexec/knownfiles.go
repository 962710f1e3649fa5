package sshexec

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/skeema/knownhosts"
)

// knownFiles keeps known_hosts files parsed that many connections are checked against: with 200 hosts, parsing them
// anew for each took longer than all the rest that a connection costs here. The files are read at every connection all
// the same, and parsed again when a byte of them has changed.
var knownFiles knownCache

// maxKnown bounds how many sets of files are kept.
const maxKnown = 16

type knownCache struct {
	mu   sync.Mutex
	sets map[string]*knownSet // by the files' names
}

type knownSet struct {
	texts [][]byte
	db    *knownhosts.HostKeyDB
}

// load gives the keys of the files. Several connections use one database at the same time, which its own methods only read.
func (c *knownCache) load(files []string) (*knownhosts.HostKeyDB, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	name := strings.Join(files, "\x00")
	before, err := readAll(files)
	if err != nil {
		return nil, err
	}
	if set := c.sets[name]; set != nil && sameTexts(set.texts, before) {
		return set.db, nil
	}
	db, err := knownhosts.NewDB(files...)
	if err != nil {
		return nil, fmt.Errorf("cannot read known_hosts: %w", err)
	}
	after, err := readAll(files)
	if err != nil {
		return nil, err
	}
	delete(c.sets, name)
	if sameTexts(before, after) { // otherwise nobody can say which of them was parsed
		if c.sets == nil || len(c.sets) >= maxKnown {
			c.sets = map[string]*knownSet{}
		}
		c.sets[name] = &knownSet{after, db}
	}
	return db, nil
}

func readAll(files []string) ([][]byte, error) {
	texts := make([][]byte, len(files))
	for i, f := range files {
		text, err := os.ReadFile(f) // #nosec G304 -- the caller's own files
		if err != nil {
			return nil, fmt.Errorf("cannot read known_hosts: %w", err)
		}
		texts[i] = text
	}
	return texts, nil
}

func sameTexts(a, b [][]byte) bool {
	for i := range a {
		if !bytes.Equal(a[i], b[i]) {
			return false
		}
	}
	return len(a) == len(b)
}
