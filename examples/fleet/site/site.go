// Package site reads what a fleet is: its pairs, each with the configuration that the binaries read, and the waves in
// which they go. It makes their runbooks once, so that workflow code can ask for them.
package site

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/examples/fleet/flow"
	"github.com/evenkeel-ha/evenkeel/examples/fleet/wave"
)

// file is a fleet's file.
type file struct {
	Fleet string          `yaml:"fleet"`           // its name
	Queue string          `yaml:"queue,omitempty"` // the task queue of its workers; evenkeel when empty
	Pairs map[string]pair `yaml:"pairs"`           // by name
	Waves [][]string      `yaml:"waves"`           // the first is the canary
	Limit int             `yaml:"limit,omitempty"` // pairs at the same time
	Soak  time.Duration   `yaml:"soak,omitempty"`  // after the canary
	// Confirm: an operator confirms the canary before the next wave
	Confirm bool `yaml:"confirm,omitempty"`
}

// pair is one of its pairs.
type pair struct {
	Job    string `yaml:"job,omitempty"` // one of Jobs; lustre-hapair when empty
	Config string `yaml:"config"`        // as for run --config; relative to the fleet's file
}

// Site is a fleet, every part of it read.
type Site struct {
	Name, Queue string
	Plan        wave.Plan

	pairs map[string]member
}

type member struct {
	app    *cli.App
	config string
	read   *cli.Config
	book   *evenkeel.Runbook
}

// Jobs are the jobs that a worker can carry out, by name. A program of one's own adds its own.
var Jobs = map[string]func() *cli.App{"lustre-hapair": Lustre}

// Read reads a fleet's file, and every configuration that it names. All that is wrong is said at once.
func Read(path string) (*Site, error) {
	var f file
	if err := cli.ReadYAML(path, &f); err != nil {
		return nil, err
	}
	s := &Site{Name: f.Fleet, Queue: f.Queue, pairs: map[string]member{},
		Plan: wave.Plan{Waves: f.Waves, Limit: f.Limit, Soak: f.Soak, Ask: f.Confirm}}
	if s.Queue == "" {
		s.Queue = "evenkeel"
	}
	var errs []error
	if s.Name == "" || strings.Contains(s.Name, "/") {
		errs = append(errs, fmt.Errorf("%s: fleet: it needs a name, without a /", path))
	}
	if err := s.Plan.Check(); err != nil {
		errs = append(errs, fmt.Errorf("%s: waves: %w", path, err))
	}
	for _, name := range slices.Sorted(maps.Keys(f.Pairs)) {
		if strings.Contains(name, "/") {
			errs = append(errs, fmt.Errorf("%s: pair %s: a name has no /", path, name))
		}
		m, err := f.Pairs[name].read(filepath.Dir(path))
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: pair %s: %w", path, name, err))
		}
		s.pairs[name] = m
		if !slices.Contains(slices.Concat(f.Waves...), name) {
			errs = append(errs, fmt.Errorf("%s: pair %s is in no wave", path, name))
		}
	}
	for _, name := range slices.Concat(f.Waves...) {
		if _, ok := f.Pairs[name]; !ok {
			errs = append(errs, fmt.Errorf("%s: waves: there is no pair %s", path, name))
		}
	}
	return s, errors.Join(append(errs, s.shared(path)...)...)
}

// read reads the configuration of a pair.
func (p pair) read(dir string) (member, error) {
	job := p.Job
	if job == "" {
		job = "lustre-hapair"
	}
	make := Jobs[job]
	if make == nil {
		return member{}, fmt.Errorf("job: there is none called %q; there are %v", job, slices.Sorted(maps.Keys(Jobs)))
	}
	m := member{app: make(), config: p.Config}
	if !filepath.IsAbs(m.config) {
		m.config = filepath.Join(dir, m.config)
	}
	var err error
	if m.read, err = m.app.Read(m.config); err != nil {
		return member{}, err
	}
	if m.read.RequireApproval {
		return member{}, cli.ErrApproval
	}
	m.book, err = m.app.Book(m.config)
	return m, err
}

// shared refuses pairs that lease the same machine: they would keep each other out in the middle.
func (s *Site) shared(path string) (errs []error) {
	owner := map[string]string{}
	for _, name := range s.Names() {
		m := s.pairs[name]
		if m.book == nil {
			continue
		}
		for _, host := range m.book.Leased() {
			at := host
			if address := m.read.Hosts[host]; address != "" {
				at = address
			}
			if other := owner[at]; other != "" {
				errs = append(errs, fmt.Errorf("%s: pairs %s and %s both change %s", path, other, name, at))
			}
			owner[at] = name
		}
	}
	return errs
}

// Names are the pairs, in order.
func (s *Site) Names() []string { return slices.Sorted(maps.Keys(s.pairs)) }

// Book is the runbook of a pair, as it was when the site was read.
func (s *Site) Book(name string) (*evenkeel.Runbook, error) {
	if m, ok := s.pairs[name]; ok && m.book != nil {
		return m.book, nil
	}
	return nil, fmt.Errorf("the fleet %s has no pair %s", s.Name, name)
}

// Open makes a pair ready. A configuration that was changed since the site was read is refused: its workflow would
// decide by another runbook than its worker.
func (s *Site) Open(ctx context.Context, name string) (*flow.Open, error) {
	m, ok := s.pairs[name]
	if !ok {
		return nil, fmt.Errorf("the fleet %s has no pair %s", s.Name, name)
	}
	r, err := m.app.Ready(ctx, m.config)
	if err != nil {
		return nil, err
	}
	if is, was := r.Runbook.Digest(), m.book.Digest(); is != was {
		r.Close()
		return nil, fmt.Errorf("%s was changed since this worker began: its runbook has the digest %s, and had %s. Take the change back, "+
			"or amend the run (see README.md)", m.config, is, was)
	}
	return &flow.Open{Hosts: r.Hosts, Options: r.Options, Close: r.Close}, nil
}

// ID is the ID of a pair's workflow. A name that is not in the file is refused: it may be another fleet's.
func (s *Site) ID(name string) (string, error) {
	if _, err := s.Book(name); err != nil {
		return "", err
	}
	return flow.PairID(s.Name, name), nil
}

// In is what the workflow of a pair begins with.
func (s *Site) In(name string) (flow.In, error) {
	book, err := s.Book(name)
	if err != nil {
		return flow.In{}, err
	}
	return flow.In{Pair: name, Digest: book.Digest()}, nil
}
