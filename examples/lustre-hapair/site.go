package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/examples/internal/lustrejob"
	"github.com/evenkeel-ha/evenkeel/internal/printable"
)

// siteConfig is the file of a whole site: the configurations of its manager and of its pairs, in the order in which they
// are upgraded (lustre:23-45, 353). A site all of whose pairs are made by hand has no manager. Paths are relative to the file.
type siteConfig struct {
	Manager string     `yaml:"manager,omitempty"`
	Pairs   []sitePair `yaml:"pairs"`
}

// sitePair is a pair of a site.
type sitePair struct {
	Name   string `yaml:"name"`   // what the site calls it
	Config string `yaml:"config"` // as for `lustre-hapair run --config`
}

// siteCommand is "lustre-hapair site": the plan of a whole site.
func siteCommand(a *cli.App) *cobra.Command {
	var config string
	c := a.Command(&cobra.Command{
		Use: "site", Short: "Print the plan of a whole site", GroupID: cli.GroupLook,
		Long: `Print the plan of a whole site: the manager first, if it has one, then each pair in order, and what differs between them. No
machine is reached.`,
		Example: "  TOOL site --config site.yaml",
	}, func(context.Context, []string) (int, error) {
		s, err := loadSite(config)
		if err != nil {
			return cli.ExitInput, err
		}
		return a.Say(s.text())
	})
	cli.ConfigFlag(c, &config, "the `FILE` of the site: the configurations of its manager and of its pairs")
	return c
}

// part is a job of the site with its runbook.
type part struct {
	name, file string
	cfg        *cli.Config
	book       *evenkeel.Runbook
}

// site is a whole site, every part of it read.
type site struct {
	manager *part // none where every pair is made by hand
	pairs   []part
	notes   []string
}

// loadSite reads the file of a site, and every configuration that it names, and refuses a site that is not one. All that
// is wrong is said at once.
func loadSite(file string) (*site, error) {
	if file == "" {
		return nil, errors.New("--config is needed: it names the file of the site, which README.md shows")
	}
	var c siteConfig
	if err := cli.ReadYAML(file, &c); err != nil {
		return nil, err
	}
	at := func(name string) string {
		if name == "" || filepath.IsAbs(name) {
			return name
		}
		return filepath.Join(filepath.Dir(file), name)
	}
	var s site
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: "+format, append([]any{file}, args...)...))
	}
	read := func(what, name, config string, app *cli.App) (part, bool) {
		if config == "" {
			bad("%s: no configuration is named", what)
			return part{}, false
		}
		cfg, err := app.Read(at(config))
		if err != nil {
			bad("%s: %w", what, err)
			return part{}, false
		}
		return part{name, at(config), cfg, nil}, true
	}
	if c.Manager != "" {
		m, ok := read("manager", "manager", c.Manager, managerApp())
		if !ok {
			return nil, errors.Join(errs...)
		}
		s.manager = &m
	}
	if len(c.Pairs) == 0 {
		bad("pairs: at least one is needed")
	}
	for i, p := range c.Pairs {
		if p.Name == "" {
			bad("pair %d has no name", i+1)
			p.Name = fmt.Sprint(i + 1)
		}
		if one, ok := read("pair "+p.Name, p.Name, p.Config, app()); ok {
			s.pairs = append(s.pairs, one)
		}
	}
	if err := errors.Join(append(errs, s.roles(file)...)...); err != nil {
		return nil, err
	}
	return &s, s.books(file)
}

// roles wants each server of the site to have one role: the manager, or node 1 or node 2 of one pair (LUS-008); and
// every pair to belong to the manager.
func (s *site) roles(file string) (errs []error) {
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: "+format, append([]any{file}, args...)...))
	}
	owner, journals, names := map[string]string{}, map[string]string{}, map[string]bool{}
	var host string // of the manager
	var servers []string
	if s.manager != nil {
		m := managerOf(s.manager.cfg)
		host, servers = m.Host, m.Servers
		owner[strings.ToLower(host)] = "the manager"
		journals[s.manager.cfg.Path(s.manager.cfg.Journal)] = "the manager"
	}
	for _, p := range s.pairs {
		job := lustrejob.Of(p.cfg)
		if names[p.name] {
			bad("two pairs are called %s", p.name)
		}
		names[p.name] = true
		for role, server := range map[string]string{"node1": job.Node1.Name, "node2": job.Node2.Name} {
			if server == "" {
				bad("pair %s: %s has no name: each pair has a node 1, which is rebuilt first, and a node 2 (lustre:355)", p.name, role)
			}
		}
		for _, server := range []string{job.Node1.Name, job.Node2.Name} {
			if other := owner[strings.ToLower(server)]; other != "" && server != "" {
				bad("pair %s: %s is in %s as well: a server has one place in a site", p.name, server, other)
			}
			owner[strings.ToLower(server)] = "pair " + p.name
			if server != "" && job.Manager != "" && len(servers) > 0 && !slices.Contains(servers, server) {
				bad("pair %s: %s is not among the servers of %s: whether it reaches the manager's packages would not be looked at",
					p.name, server, s.manager.file)
			}
		}
		switch {
		case job.Manager == "" || job.Manager == host: // a pair that people made may have none
		case s.manager == nil:
			bad("pair %s: its manager is %q, and the site has none: name the configuration of the manager (manager: FILE), which is "+
				"upgraded before its pairs (lustre:51)", p.name, job.Manager)
		default:
			bad("pair %s: its manager is %q, and the site's is %q: the addresses of the packages have that name (lustre:343)",
				p.name, job.Manager, host)
		}
		journal := p.cfg.Path(p.cfg.Journal)
		if other := journals[journal]; other != "" {
			bad("pair %s: its journal is that of %s: each run has a journal of its own", p.name, other)
		}
		journals[journal] = "pair " + p.name
	}
	for _, server := range servers {
		if owner[strings.ToLower(server)] == "" {
			s.notes = append(s.notes, fmt.Sprintf("%s is a server of the manager, and in no pair: it is not upgraded", server))
		}
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errs
}

// books makes the runbook of every part.
func (s *site) books(file string) error {
	var errs []error
	var err error
	if s.manager != nil {
		if s.manager.book, err = loadManager(s.manager.cfg); err != nil {
			errs = append(errs, fmt.Errorf("%s: manager: %w", file, err))
		}
	}
	for i := range s.pairs {
		if s.pairs[i].book, err = lustrejob.Load(s.pairs[i].cfg); err != nil {
			errs = append(errs, fmt.Errorf("%s: pair %s: %w", file, s.pairs[i].name, err))
		}
	}
	return errors.Join(errs...)
}

// text is the plan of the site.
func (s *site) text() string {
	var b strings.Builder
	pairs, first := counted(len(s.pairs), "pair", "pairs"), 1
	const order = "one after the other. Begin a part when the one before it is done.\n"
	if s.manager == nil {
		fmt.Fprintf(&b, "Site without a manager: %s, %s", pairs, order)
		b.WriteString("There is no chapter of the manager (lustre:51): every pair is made by hand, with its targets in the CIB " +
			"(ocf:lustre:Lustre), its packages from agent_repos,\nand no agent of IML. If IML watches the site all the same, " +
			"upgrade it first, and name it (manager: FILE).\n")
	} else {
		m := managerOf(s.manager.cfg)
		fmt.Fprintf(&b, "Site of the manager %s: the manager, then %s, %s", m.Host, pairs, order)
		for _, n := range s.notes {
			fmt.Fprintf(&b, "  ! %s\n", n)
		}
		fmt.Fprintf(&b, "\n1. manager %s, to version %s\n", m.Host, m.Version)
		b.WriteString("   the file system is left alone (lustre:53)\n")
		s.manager.steps(&b, "lustre-hapair manager")
		first = 2
	}
	for i, p := range s.pairs {
		job := lustrejob.Of(p.cfg)
		fmt.Fprintf(&b, "\n%d. pair %s\n   node 1, rebuilt first: %s\n   node 2: %s\n", first+i, p.name, job.Node1.Name, job.Node2.Name)
		if i > 0 {
			if d := differences(lustrejob.Of(s.pairs[0].cfg), job); len(d) > 0 {
				fmt.Fprintf(&b, "   unlike pair %s:\n     %s\n", s.pairs[0].name, strings.Join(d, "\n     "))
			} else {
				fmt.Fprintf(&b, "   configured as pair %s\n", s.pairs[0].name)
			}
		}
		p.steps(&b, "lustre-hapair")
	}
	return b.String()
}

// steps says how long the way is, what users feel of it, where it can be turned back, and what is typed.
func (p *part) steps(b *strings.Builder, command string) {
	fmt.Fprintf(b, "   %s, digest %s\n", counted(len(p.book.Steps), "step", "steps"), p.book.Digest())
	var outages []string
	gone := ""
	for _, s := range p.book.Steps {
		for _, w := range s.Opens {
			outages = append(outages, fmt.Sprintf("%s in step %s, at most %s", w.ID, s.ID, printable.Duration(w.Limit)))
		}
		if gone == "" && s.Irreversible != "" {
			gone = s.ID
		}
	}
	if len(outages) > 0 {
		fmt.Fprintf(b, "   outages: %s\n", strings.Join(outages, "; "))
	}
	if gone != "" {
		fmt.Fprintf(b, "   first point of no return: step %s\n", gone)
	}
	for _, word := range []string{"plan", "run"} {
		fmt.Fprintf(b, "   %s %s --config %s\n", command, word, p.file)
	}
}

// alone are the keys that each pair has for itself.
var alone = []string{"node1", "node2", "addresses", "password_file", "archives"}

// differences are the keys of the second job that differ from the first, with both values.
func differences(first, second *lustrejob.Config) (out []string) {
	one, other := keys(first), keys(second)
	for _, key := range slices.Sorted(maps.Keys(merged(one, other))) {
		if a, b := one[key], other[key]; !reflect.DeepEqual(a, b) && !slices.Contains(alone, key) {
			out = append(out, fmt.Sprintf("%s: %v, and there %v", key, said(b), said(a)))
		}
	}
	return out
}

// keys are the keys of a job, as they stand in its file.
func keys(job *lustrejob.Config) map[string]any {
	out := map[string]any{}
	if raw, err := yaml.Marshal(job); err == nil {
		_ = yaml.Unmarshal(raw, &out) // it was made of one
	}
	return out
}

func merged(a, b map[string]any) map[string]any {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

func said(v any) any {
	if v == nil {
		return "not set"
	}
	return v
}

// counted is a number of things with its word.
func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
