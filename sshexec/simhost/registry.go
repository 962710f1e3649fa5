package simhost

import (
	"maps"
	"path"
	"slices"
	"time"
)

// DefaultCost is the virtual time of a command that has none of its own.
const DefaultCost = time.Second

// Registry holds what is the same in every clone: programs, services, packages, and what the network serves. Fill it
// before the first command; never change it after.
type Registry struct {
	Packages []Package                            // what the repositories hold
	Web      map[string]string                    // what curl and yum-config-manager find, by URL
	Services map[string]Service                   // what starting and stopping a service does beyond the flag
	Modules  map[string]func(*State, *Host) error // checks beyond the package before a kernel module loads, by module
	// Mounted is called after the mounts of a host changed; it may be nil.
	Mounted func(*State, *Host)
	Offline func(s *State, from, to *Host) bool // whether the network between two hosts is cut; never when nil
	// Around runs every program, in its place, so that it may change what the program does and prints; it may be nil.
	Around func(c *Call, run Handler) int

	programs map[string]program
	scripts  map[string]program
}

type program struct {
	run  Handler
	cost time.Duration
}

// Service is what starting and stopping a service does beyond the flag. Either may be nil. They may let time pass.
type Service struct {
	Start func(s *State, h *Host) error // an error leaves the service stopped
	Stop  func(s *State, h *Host) error // an error leaves it running
}

// Package is one build of a package in a repository.
type Package struct {
	Name, Version string   // version and release, as rpm prints them
	Repo          string   // the repository's id
	Release       int      // the operating system's major release; any when 0
	Needs         []string // names of packages that come with it
	Programs      []string // programs that are there only with it
	Services      []string // services that come with it
	Modules       []string // kernel modules that come with it
	Kernel        string   // the modules load only on a running kernel whose release contains this
	DKMS          bool     // the modules are compiled on the host, which takes kernel-devel
	Files         map[string]string
	Users         []User
	Enabled       bool          // its services start at boot from the first
	Cost          time.Duration // what it adds to the time of an installation
}

// User is an account of a host.
type User struct {
	Name, Group string
	ID          int
	Home, Shell string
}

// NewRegistry holds the ordinary programs of a Linux host.
func NewRegistry() *Registry {
	r := &Registry{Web: map[string]string{}, Services: map[string]Service{},
		Modules: map[string]func(*State, *Host) error{}, programs: map[string]program{}, scripts: map[string]program{}}
	addFilePrograms(r)
	addTextPrograms(r)
	addTarPrograms(r)
	addSystemPrograms(r)
	addServicePrograms(r)
	addAccountPrograms(r)
	addPackagePrograms(r)
	addNetworkPrograms(r)
	addInstallProgram(r)
	addStoragePrograms(r)
	return r
}

// Command adds a program, or replaces one; a cost of 0 is DefaultCost, a negative one none.
func (r *Registry) Command(name string, cost time.Duration, run Handler) {
	r.programs[name] = program{run, costOf(cost)}
}

// Program is what a program runs, to be called by another one that replaces it; nil where there is none.
func (r *Registry) Program(name string) Handler { return r.programs[name].run }

// Script adds an exact text for `/bin/sh -c TEXT`; its Call's Args are $0, $1, …. Any other text is refused: there is no shell here.
func (r *Registry) Script(text string, cost time.Duration, run Handler) {
	r.scripts[text] = program{run, costOf(cost)}
}

// Names are the programs there are, in order.
func (r *Registry) Names() []string { return slices.Sorted(maps.Keys(r.programs)) }

func costOf(d time.Duration) time.Duration {
	switch {
	case d == 0:
		return DefaultCost
	case d < 0:
		return 0
	}
	return d
}

func (r *Registry) find(h *Host, argv []string) (Handler, time.Duration) {
	run, cost := r.program(h, argv)
	if r.Around == nil {
		return run, cost
	}
	return func(c *Call) int { return r.Around(c, run) }, cost
}

func (r *Registry) program(h *Host, argv []string) (Handler, time.Duration) {
	name := path.Base(argv[0])
	if (name == "sh" || name == "bash") && len(argv) >= 3 && argv[1] == "-c" {
		p, ok := r.scripts[argv[2]]
		if !ok {
			return func(c *Call) int { return c.Fail(127, "%s: this script is not known to the simulated host", name) }, DefaultCost
		}
		return func(c *Call) int { c.Args = c.Args[2:]; return p.run(c) }, p.cost
	}
	p, ok := r.programs[name]
	if !ok || !r.present(h, name) {
		return func(c *Call) int { return c.Fail(127, "sh: %s: command not found", argv[0]) }, DefaultCost
	}
	return p.run, p.cost
}

// present tells whether the package that a program comes with is installed; a program of no package is always there.
func (r *Registry) present(h *Host, name string) bool {
	owned := false
	for _, p := range r.Packages {
		if slices.Contains(p.Programs, name) {
			owned = true
			if h.Package(p.Name) != "" {
				return true
			}
		}
	}
	return !owned
}

// Invoke runs another program inside a call, as a child process would run: same host, same environment. It returns the
// exit status and the output.
func (c *Call) Invoke(stdin string, argv ...string) (status int, out, errs string) {
	handler, _ := c.Registry.find(c.Host, argv)
	child := &Call{State: c.State, Host: c.Host, Name: path.Base(argv[0]), Args: slices.Clone(argv[1:]), Stdin: stdin, Env: c.Env, Dir: c.Dir}
	status = handler(child)
	return status, child.Out.String(), child.Err.String()
}
