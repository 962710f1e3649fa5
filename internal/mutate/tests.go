package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/evenkeel-ha/evenkeel/internal/mutants"
)

// suite is the test binary of a package, with mutants in it.
type suite struct {
	dir, binary string // where it runs, and what
	pkg         string
	tests       []*test
	kills       map[string]int
}

// test is one test, and what it was seen to reach without a mutant.
type test struct {
	*suite
	name    string
	took    time.Duration
	reaches map[int]bool // functions, by number
}

// build compiles the tests of a package with an overlay, and lists those that are chosen.
func build(ctx context.Context, dir string, of tests, overlay, into string) (*suite, error) {
	pkg := of.pkg
	s := &suite{dir: filepath.Join(dir, pkg), pkg: pkg, kills: map[string]int{}}
	s.binary = filepath.Join(into, strings.NewReplacer("/", "-", ".", "").Replace(pkg)+of.tags+".test")
	cmd := exec.CommandContext(ctx, "go", "test", "-c", "-vet=off", "-ldflags=-s -w", "-overlay="+overlay, "-tags="+of.tags,
		"-o", s.binary, pkg)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("the tests of %s do not compile: %w\n%s", pkg, err, out)
	}
	if _, err := os.Stat(s.binary); errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s has no tests", pkg)
	}
	cmd = exec.CommandContext(ctx, s.binary, "-test.list", ".*")
	cmd.Dir = s.dir
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("the tests of %s cannot be listed: %w", pkg, err)
	}
	chosen, err1 := regexp.Compile(of.run)
	slow, err2 := regexp.Compile(cmp.Or(of.slow, "^$"))
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(out)) {
		if name := strings.TrimSpace(line); !strings.HasPrefix(name, "Benchmark") && chosen.MatchString(name) && !slow.MatchString(name) {
			s.tests = append(s.tests, &test{suite: s, name: name})
		}
	}
	return s, nil
}

// record runs every test by itself, without a mutant, and notes what it reaches. It must pass.
func (s *suite) record(ctx context.Context) error {
	for _, t := range s.tests {
		into := filepath.Join(filepath.Dir(s.binary), "reached")
		began := time.Now()
		out, v := s.run(ctx, []string{t.name}, 10*time.Minute, reachedIn+"="+into)
		t.took = time.Since(began)
		if v != mutants.Survived {
			return fmt.Errorf("%s: %s must pass without a mutant, and %s:\n%s", s.pkg, t.name, v, out)
		}
		var err error
		if t.reaches, err = numbers(into); err != nil {
			return err
		}
	}
	return nil
}

// numbers reads the file of what was reached, and removes it.
func numbers(file string) (map[int]bool, error) {
	seen := map[int]bool{}
	data, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return seen, nil
	}
	for lines := bufio.NewScanner(bytes.NewReader(data)); err == nil && lines.Scan(); {
		var n int
		n, err = strconv.Atoi(lines.Text())
		seen[n] = true
	}
	return seen, errors.Join(err, os.Remove(file))
}

// memory is what a mutant may take that does not end, in KiB of addresses.
const memory = 8 << 20

// run runs tests in the binary, until the first fails.
func (s *suite) run(ctx context.Context, names []string, limit time.Duration, env ...string) (string, mutants.Verdict) {
	temp, err := os.MkdirTemp(filepath.Dir(s.binary), "t")
	if err != nil {
		return err.Error(), mutants.Unknown
	}
	defer os.RemoveAll(temp)
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", "ulimit -v "+strconv.Itoa(memory)+`; exec "$@"`, "sh", s.binary, "-test.short", "-test.failfast",
		"-test.run=^("+strings.Join(names, "|")+")$")
	cmd.Dir = s.dir
	cmd.Env = append(append(os.Environ(), "TMPDIR="+temp, "RAPID_NOFAILFILE=true"), env...) // the tree is not touched
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return string(out), mutants.Endless
	case err != nil && !errors.As(err, &exit):
		return err.Error(), mutants.Unknown
	}
	v := mutants.Judge(string(out), err == nil)
	if v == mutants.Unknown && bytes.Contains(out, []byte("fatal error: ")) {
		v = mutants.Killed // out of memory, a deadlock, a map written twice at once
	}
	return string(out), v
}

// try runs the tests that reach a function on one of its mutants: those first that have killed, then the quick ones.
// Slack is what each run may take beyond three times what its tests took before.
func try(ctx context.Context, suites []*suite, function int, m *mutant, slack time.Duration) (v mutants.Verdict, by string) {
	reached := false
	for _, s := range suites {
		list := slices.DeleteFunc(slices.Clone(s.tests), func(t *test) bool { return !t.reaches[function] })
		reached = reached || len(list) > 0
		slices.SortStableFunc(list, func(a, b *test) int {
			if k := s.kills[b.name] - s.kills[a.name]; k != 0 && a.took < time.Second && b.took < time.Second {
				return k
			}
			return int(a.took - b.took)
		})
		for batch := time.Second; len(list) > 0; batch *= 4 {
			var names []string
			var sum time.Duration
			for len(list) > 0 && (len(names) == 0 || sum+list[0].took <= batch) {
				names, sum, list = append(names, list[0].name), sum+list[0].took, list[1:]
			}
			out, v := s.judge(ctx, names, m, 3*sum+slack)
			switch v {
			case mutants.Survived:
				continue
			case mutants.Killed:
				by = failed(out, names)
				s.kills[by]++
				return v, s.pkg + " " + by
			case mutants.Endless:
				return v, fmt.Sprintf("%s, %d tests from %s on", s.pkg, len(names), names[0])
			default:
				return v, s.pkg + ": " + lastLines(out)
			}
		}
	}
	if !reached {
		return unreached, ""
	}
	return mutants.Survived, ""
}

// judge runs tests on a mutant. What does not end in time gets more of it, and what finds the mutant must pass without it: a machine may be
// busy, and tests may fail by themselves, or one after the other.
func (s *suite) judge(ctx context.Context, names []string, m *mutant, limit time.Duration) (string, mutants.Verdict) {
	this := chosenBy + "=" + strconv.Itoa(m.number)
	out, v := s.run(ctx, names, limit, this)
	if v == mutants.Endless {
		limit *= 3
		out, v = s.run(ctx, names, limit, this)
	}
	if v != mutants.Killed && v != mutants.Endless {
		return out, v
	}
	if without, w := s.run(ctx, names, limit); w != mutants.Survived {
		return fmt.Sprintf("without the mutant it %s, too:\n%s", w, without), mutants.Unknown
	}
	return out, v
}

// unreached is a mutant that no test even calls.
const unreached mutants.Verdict = "is reached by no test"

var failing = regexp.MustCompile(`(?m)^\s*--- FAIL: (\w+)`)

// failed is the test that failed first.
func failed(out string, names []string) string {
	if m := failing.FindStringSubmatch(out); m != nil {
		return m[1]
	}
	return names[0]
}

func lastLines(out string) string {
	lines := strings.Split(strings.TrimSpace(out), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}

// sorted are the keys of a map in order.
func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
