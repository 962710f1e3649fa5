// Command mutate makes small mistakes in the code, by operators, and sees that the tests find them: a check dropped, a
// guard negated, two neighbouring actions swapped, the wrong host, an error ignored, nothing to undo.
//
//	go run ./internal/mutate --list
//	go run ./internal/mutate --package ./lustre/manager
//	go run ./internal/mutate --sample 20 --seed "$(git rev-parse HEAD)"
//	go run ./internal/mutate --only lustre/upgrade/leave.go:Pair.leave
//
// The tree is not touched: the go command gets an overlay. All mutants of a package are in one test binary, and each run
// of it has one of them (schemata.go). Each test is run by itself first, without a mutant, to see which functions it
// reaches; of a mutant only the tests are run that reach its function, with -short, those first that are likely to fail.
// A mutant that does not end in time is found by the limit. What finds one is run once more without it: where it fails then too, nothing is
// told.
//
// It exits with 1 where a mutant survived that does not stand in equivalent.txt, or where that list is stale; with 2 where
// nothing could be told.
package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/evenkeel-ha/evenkeel/internal/mutants"
)

// options are the choices of a run.
type options struct {
	dir            string // of the module
	targets        []target
	equivalents    string // the file of the list
	only, operator string
	list, diff     bool
	one, held      bool
	sample         int
	seed, json     string
	budget, slack  time.Duration
	now            func() time.Time // measures what the trying took
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("mutate: ")
	o := options{dir: ".", now: time.Now, targets: slices.Clone(targets), equivalents: "internal/mutate/equivalent.txt"}
	run := flag.String("run", "", "only tests of this pattern, of the package alone: to see whether a new one finds a mutant")
	pkgs := flag.String("package", "", "of the targets only these, with commas between: ./mongo/live,./cps/issm")
	flag.StringVar(&o.only, "only", "", "only mutants whose id begins with one of these, with commas between")
	flag.StringVar(&o.operator, "operator", "", "only mutants of these operators, with commas between")
	flag.BoolVar(&o.list, "list", false, "print the mutants, and try none")
	flag.BoolVar(&o.diff, "diff", false, "with --list: what each changes, as it would stand in the list of equivalents")
	flag.BoolVar(&o.held, "held", false, "only files of which no mutant survives: see targets.go")
	flag.BoolVar(&o.one, "one", false, "of the packages one, chosen by the seed: the more mutants it has, the likelier")
	flag.IntVar(&o.sample, "sample", 0, "try so many, chosen by the seed; all of them when 0")
	flag.StringVar(&o.seed, "seed", time.Now().Format(time.DateOnly), "chooses the sample: the hash of a commit, or the day")
	flag.StringVar(&o.json, "json", "", "write the report into this file")
	flag.DurationVar(&o.budget, "budget", 0, "begin no mutant when those before it took this time; no limit when 0. "+
		"They are tried in the order of the seed then. Fewer than ten are an error, where there are ten")
	flag.DurationVar(&o.slack, "slack", 20*time.Second, "a mutant may take this time beyond three times what its tests take without it")
	flag.Parse()
	if flag.NArg() > 0 {
		log.Printf("unknown argument %q: see --help", flag.Arg(0))
		os.Exit(2)
	}
	if *pkgs != "" {
		names := strings.Split(*pkgs, ",")
		o.targets = slices.DeleteFunc(o.targets, func(t target) bool { return !slices.Contains(names, t.pkg) })
		if len(o.targets) < len(names) {
			log.Printf("not all of %s are targets: see targets.go", *pkgs)
			os.Exit(2)
		}
	}
	if *run != "" {
		for i := range o.targets {
			o.targets[i].run, o.targets[i].slow, o.targets[i].further = *run, "", nil
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	r, err := o.run(ctx, os.Stdout)
	stop()
	switch {
	case err != nil:
		log.Print(err)
		os.Exit(2)
	case r.Survived+len(r.Faults) > 0:
		os.Exit(1)
	}
}

func (o options) run(ctx context.Context, w io.Writer) (*report, error) {
	began := time.Now()
	if o.held {
		o.targets = slices.DeleteFunc(o.targets, func(t target) bool { return len(t.held) == 0 })
	}
	if len(o.targets) == 0 {
		return nil, errors.New("no target is left: see targets.go")
	}
	pkgs := make([]string, len(o.targets))
	for i, t := range o.targets {
		pkgs[i] = t.pkg
	}
	h, err := openHouse(o.dir, pkgs)
	if err != nil {
		return nil, err
	}
	list, err := readEquivalents(filepath.Join(o.dir, o.equivalents))
	if err != nil {
		return nil, err
	}
	r := &report{Seed: o.seed}
	var all []*mutant
	sources := map[string]*source{}
	for _, t := range o.targets {
		if sources[t.pkg], err = h.read(t.pkg); err != nil {
			return nil, err
		}
		all = append(all, t.mutants(sources[t.pkg])...)
	}
	r.Made, r.Faults = len(all), stale(list, pkgs, all)
	all = o.chosen(slices.DeleteFunc(all, func(m *mutant) bool { return o.held && !m.in.target.holds(m.in.file) }))
	if len(all) == 0 {
		return nil, errors.New("there is no such mutant: see --list")
	}
	if o.one {
		first := o.drawn(all)[0].Package
		all = slices.DeleteFunc(all, func(m *mutant) bool { return m.Package != first })
	}
	if o.sample > 0 && o.sample < len(all) {
		drawn := o.drawn(all)[:o.sample]
		all = slices.DeleteFunc(all, func(m *mutant) bool { return !slices.Contains(drawn, m) })
	}
	for _, t := range o.targets {
		chosen := slices.DeleteFunc(slices.Clone(all), func(m *mutant) bool { return m.Package != t.pkg })
		if len(chosen) == 0 {
			continue
		}
		good, err := compiling(sources[t.pkg], chosen)
		if err != nil {
			return nil, err
		}
		r.Dropped += len(chosen) - len(good)
		switch {
		case len(good) == 0:
		case o.list:
			for _, m := range good {
				fmt.Fprintf(w, "%s\t%s:%d\n", m.ID, m.File, m.Line)
				if o.diff {
					fmt.Fprint(w, m.entry(), "\n")
				}
			}
		default:
			if ctx.Err() != nil {
				break
			}
			if err := o.try(ctx, w, r, sources[t.pkg], t, good, list, began); err != nil {
				return nil, err
			}
		}
	}
	if o.list {
		fmt.Fprintf(w, "%d mutants; %d more do not compile\n", len(all)-r.Dropped, r.Dropped)
		return r, nil
	}
	r.end(w, began)
	if o.json != "" {
		err = r.write(o.json)
	}
	if least := max(1, min(enough, len(all)-r.Dropped)); err == nil && r.Tried < least {
		err = fmt.Errorf("mutants tried: %d; fewer than %d say nothing", r.Tried, least)
	}
	return r, err
}

// enough is how many mutants must be tried where there are so many: a budget or an interruption that leaves fewer is no good run.
const enough = 10

// mutants are all mutants of the target, whether they compile or not.
func (t target) mutants(s *source) []*mutant {
	var all []*mutant
	for _, f := range s.functions() {
		if f.target = t; !matches(t.skip, f.file) {
			all = append(all, f.mutants()...)
		}
	}
	return all
}

// lot is where something stands in the order that the seed makes.
func (o options) lot(id string) string {
	sum := sha256.Sum256([]byte(o.seed + "\x00" + id))
	return string(sum[:])
}

// drawn are mutants in the order that the seed makes.
func (o options) drawn(all []*mutant) []*mutant {
	return slices.SortedFunc(slices.Values(all), func(a, b *mutant) int { return cmp.Compare(o.lot(a.ID), o.lot(b.ID)) })
}

// chosen are the mutants that are asked for, in the order of the source.
func (o options) chosen(all []*mutant) []*mutant {
	begins := func(words, id string, whole bool) bool {
		return words == "" || slices.ContainsFunc(strings.Split(words, ","), func(word string) bool {
			return id == word || !whole && strings.HasPrefix(id, word)
		})
	}
	return slices.DeleteFunc(slices.Clone(all), func(m *mutant) bool {
		return !begins(o.only, m.ID, false) || !begins(o.operator, m.Operator, true)
	})
}

// try tries mutants of one package.
func (o options) try(ctx context.Context, w io.Writer, r *report, s *source, t target, chosen []*mutant, list map[string]*equivalent,
	began time.Time) error {
	dir, err := os.MkdirTemp("", "mutate-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for i, m := range chosen {
		m.number = i + 1
	}
	texts, functions, _ := schemata(s, chosen)
	absolute := map[string]string{}
	for name, text := range texts {
		absolute[filepath.Join(s.Dir, name)] = text
	}
	overlay, err := mutants.Overlay(dir, absolute)
	if err != nil {
		return err
	}
	made := func(of ...tests) (list []*suite, err error) {
		for _, f := range of {
			s, err := build(ctx, o.dir, f, overlay, dir)
			if err == nil {
				err = s.record(ctx)
			}
			if err != nil {
				return nil, err
			}
			list = append(list, s)
			fmt.Fprintf(w, "# %s: %d tests at %s\n", f.pkg, len(s.tests), time.Since(began).Round(time.Second))
		}
		return list, nil
	}
	own, err := made(t.tests)
	if err != nil {
		return err
	}
	var others []*suite // made when they are needed
	if o.budget > 0 {   // what is not tried must not be the same each time
		chosen = o.drawn(chosen)
	}
	for _, m := range chosen {
		if o.budget > 0 && r.spent > o.budget {
			fmt.Fprintf(w, "# the time is over\n")
			return nil
		}
		start := o.now()
		out := outcome{mutant: m}
		out.Verdict, out.By = try(ctx, own, slices.Index(functions, m.in), m, o.slack)
		if !out.found() && len(t.further) > 0 && (o.budget == 0 || list[m.ID] == nil) { // further tests take long to make
			if others == nil {
				making := o.now()
				if others, err = made(t.further...); err != nil {
					return err
				}
				start = start.Add(o.now().Sub(making)) // that is not trying
			}
			if v, by := try(ctx, others, slices.Index(functions, m.in), m, o.slack); v != unreached {
				out.Verdict, out.By = v, by
			}
		}
		if ctx.Err() != nil {
			fmt.Fprintf(w, "# it was interrupted\n")
			return nil
		}
		took := o.now().Sub(start)
		r.spent += took
		out.Took, _ = strconv.ParseFloat(fmt.Sprintf("%.1f", took.Seconds()), 64)
		if e := list[m.ID]; e != nil {
			out.Because = e.because
		}
		r.take(w, out)
	}
	return nil
}
