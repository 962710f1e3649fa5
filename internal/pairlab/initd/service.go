//go:build linux

package initd

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// state is a service's, in systemctl's words.
type state string

const (
	inactive     state = "inactive"
	activating   state = "activating"
	active       state = "active"
	deactivating state = "deactivating"
	failed       state = "failed"
)

// service is one unit at run time. Jobs (start, stop) take their turns; the state may be read at any time.
type service struct {
	name string
	job  sync.Mutex

	mu     sync.Mutex // guards what follows
	state  state
	main   process
	done   chan struct{} // closed when main has ended and is accounted for
	starts []time.Time   // the latest ones, for the limit
	again  *time.Timer   // the restart that is due
}

func (s *service) get() (state, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == "" {
		return inactive, 0
	}
	return s.state, s.main.pid
}

func (s *service) set(st state) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state = st
}

// forget takes back a restart that is due.
func (s *service) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.again != nil {
		s.again.Stop()
		s.again = nil
	}
}

// manager runs the services of one system.
type manager struct {
	dir    unitDir
	run    string // for notify sockets and the like: /run
	reaper *reaper
	log    io.Writer
	output *os.File // where daemons' output goes

	mu       sync.Mutex
	services map[string]*service
	down     bool // nothing is started any more
}

var errDown = errors.New("the system is going down")

func (m *manager) service(name string) *service {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.services[name]
	if s == nil {
		s = &service{name: name}
		m.services[name] = s
	}
	return s
}

func (m *manager) say(format string, args ...any) {
	_, _ = fmt.Fprintf(m.log, "%s "+format+"\n", append([]any{time.Now().UTC().Format("15:04:05.000")}, args...)...)
}

// start starts a service, after those that it requires, and returns when it is ready.
func (m *manager) start(name string) error {
	u, err := m.dir.load(name)
	if err != nil {
		return err
	}
	for _, r := range u.Requires {
		if err := m.start(r); err != nil {
			return fmt.Errorf("a dependency job for %s%s failed: %w", u.Name, suffix, err)
		}
	}
	s := m.service(u.Name)
	s.job.Lock()
	defer s.job.Unlock()
	s.forget()
	if st, _ := s.get(); st == active {
		return nil
	}
	m.mu.Lock()
	down := m.down
	m.mu.Unlock()
	if down {
		return errDown
	}
	return m.launch(s, u)
}

func (m *manager) launch(s *service, u *unit) error {
	if !s.mayStart(u) {
		s.set(failed)
		return fmt.Errorf("%s%s: start request repeated too quickly", u.Name, suffix)
	}
	s.set(activating)
	m.say("starting %s", u.Name)
	if err := m.begin(s, u); err != nil {
		s.set(failed)
		m.say("%s failed: %v", u.Name, err)
		return err
	}
	return nil
}

// mayStart holds the unit's start limit.
func (s *service) mayStart(u *unit) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.starts = slices.DeleteFunc(s.starts, func(t time.Time) bool { return now.Sub(t) >= u.StartInterval })
	if u.StartBurst > 0 && len(s.starts) >= u.StartBurst {
		return false
	}
	s.starts = append(s.starts, now)
	return true
}

// begin starts the unit's processes and waits until the main one is ready.
func (m *manager) begin(s *service, u *unit) error {
	env, err := m.environment(u)
	if err != nil {
		return err
	}
	for _, d := range u.RuntimeDirs {
		if err := os.MkdirAll(filepath.Join(m.run, d), 0o755); err != nil { //nolint:gosec // RuntimeDirectoryMode's default
			return err
		}
	}
	for _, c := range u.StartPre {
		if err := m.control(u, c, env, u.TimeoutStart); err != nil {
			return err
		}
	}
	if u.Type == "oneshot" {
		for _, c := range u.Start {
			if err := m.control(u, c, env, u.TimeoutStart); err != nil {
				return err
			}
		}
		s.set(inactive)
		return nil
	}
	return m.runMain(s, u, env)
}

func (m *manager) runMain(s *service, u *unit, env map[string]string) error {
	ready := closed
	var notify *notifySocket
	if u.Type == "notify" {
		var err error
		if notify, err = listenNotify(filepath.Join(m.run, "systemd", "notify-"+u.Name)); err != nil {
			return err
		}
		env["NOTIFY_SOCKET"], ready = notify.path, notify.ready
	}
	main, err := m.spawn(u, u.Start[0], env)
	if err != nil {
		if notify != nil {
			notify.close()
		}
		return err
	}
	s.mu.Lock()
	s.main, s.done = main, make(chan struct{})
	s.mu.Unlock()
	ended := make(chan int, 1)
	started := make(chan bool, 1)
	go m.attend(s, u, main, notify, started, ended)
	select {
	case <-ready:
		s.set(active)
		m.say("%s is ready, pid %d", u.Name, main.pid)
		started <- true
		return nil
	case code := <-ended:
		started <- false
		return fmt.Errorf("%s ended with exit status %d before it was ready", u.Start[0].argv[0], code)
	case <-limit(u.TimeoutStart):
		started <- false
		m.killAll(main.pid)
		return fmt.Errorf("%s was not ready after %s", u.Start[0].argv[0], u.TimeoutStart)
	}
}

var closed = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

// limit is a channel that never speaks when d is 0.
func limit(d time.Duration) <-chan time.Time {
	if d == 0 {
		return nil
	}
	return time.After(d)
}

// attend waits for the end of the main process, and restarts it where the unit says so.
func (m *manager) attend(s *service, u *unit, main process, notify *notifySocket, started <-chan bool, ended chan<- int) {
	status := <-main.ended
	if notify != nil {
		notify.close()
	}
	code := exitStatus(status)
	ended <- code
	if u.KillMode == "control-group" || u.KillMode == "mixed" {
		killSession("/proc", main.pid, syscall.SIGKILL, syscall.Kill)
	}
	wasUp := <-started
	s.mu.Lock()
	stopping := s.state == deactivating
	s.main = process{}
	clean := u.clean(status)
	switch {
	case !wasUp: // whoever started it says so
	case clean || stopping:
		s.state = inactive
	default:
		s.state = failed
	}
	if wasUp && !stopping && u.restarts(status) {
		s.again = time.AfterFunc(u.RestartDelay, func() { m.restart(s) })
	}
	close(s.done)
	s.mu.Unlock()
	m.say("%s ended with exit status %d", u.Name, code)
}

// restart is what systemd does by itself: a start job, with what it requires.
func (m *manager) restart(s *service) {
	s.mu.Lock()
	due := s.again != nil // or it was taken back in the last instant
	s.mu.Unlock()
	if !due {
		return
	}
	if err := m.start(s.name); err != nil {
		m.say("cannot restart %s: %v", s.name, err)
	}
}

// clean tells whether a main process ended as a daemon should: by itself with 0, or by a signal that asks it to.
func (u *unit) clean(s syscall.WaitStatus) bool {
	if s.Signaled() {
		return slices.Contains([]syscall.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM, syscall.SIGPIPE}, s.Signal())
	}
	return s.ExitStatus() == 0 || slices.Contains(u.SuccessExit, s.ExitStatus())
}

func (u *unit) restarts(s syscall.WaitStatus) bool {
	if !s.Signaled() && slices.Contains(u.NoRestartExit, s.ExitStatus()) {
		return false
	}
	return u.Restart == "always" || u.Restart == "on-failure" && !u.clean(s)
}

// stop stops a service: before it those that require it, after it those that are part of it or that nobody needs any more.
func (m *manager) stop(name string) error {
	own, _, err := m.dir.find(name)
	if err != nil && !errors.Is(err, errMasked) {
		return err
	}
	errs := []error{m.stopEach(own, func(u *unit) []string { return u.Requires })}
	errs = append(errs, m.stopOne(own), m.stopEach(own, func(u *unit) []string { return u.PartOf }), m.stopUnneeded(own))
	return errors.Join(errs...)
}

// stopEach stops the running services that name this one in a list.
func (m *manager) stopEach(name string, list func(*unit) []string) error {
	var errs []error
	for _, other := range m.running() {
		if u, err := m.dir.load(other); err == nil && other != name && slices.Contains(list(u), name) {
			errs = append(errs, m.stop(other))
		}
	}
	return errors.Join(errs...)
}

func (m *manager) stopUnneeded(name string) error {
	u, err := m.dir.load(name)
	if err != nil {
		return nil //nolint:nilerr // a unit without a file needs nothing
	}
	var errs []error
	for _, r := range u.Requires {
		if ru, err := m.dir.load(r); err == nil && ru.Unneeded && !m.needed(r) {
			errs = append(errs, m.stop(r))
		}
	}
	return errors.Join(errs...)
}

func (m *manager) needed(name string) bool {
	return slices.ContainsFunc(m.running(), func(other string) bool {
		u, err := m.dir.load(other)
		return err == nil && slices.Contains(u.Requires, name)
	})
}

// running are the services that have a main process, or will have one again.
func (m *manager) running() []string {
	m.mu.Lock()
	all := make([]*service, 0, len(m.services))
	for _, s := range m.services {
		all = append(all, s)
	}
	m.mu.Unlock()
	var names []string
	for _, s := range all {
		s.mu.Lock()
		if s.main.pid != 0 || s.again != nil {
			names = append(names, s.name)
		}
		s.mu.Unlock()
	}
	slices.Sort(names)
	return names
}

func (m *manager) stopOne(name string) error {
	s := m.service(name)
	s.job.Lock()
	defer s.job.Unlock()
	s.forget()
	s.mu.Lock()
	pid := s.main.pid
	if pid == 0 {
		if s.state != failed {
			s.state = inactive
		}
		s.mu.Unlock()
		return nil
	}
	s.state = deactivating
	s.mu.Unlock()
	u, err := m.dir.load(name)
	if err != nil {
		return err
	}
	m.say("stopping %s, pid %d", name, pid)
	return m.end(s, u, pid)
}

// end runs ExecStop=, asks the main process to end, and waits for it.
func (m *manager) end(s *service, u *unit, pid int) error {
	if env, err := m.environment(u); err == nil {
		env["MAINPID"] = fmt.Sprint(pid)
		for _, c := range u.Stop {
			if err := m.control(u, c, env, u.TimeoutStop); err != nil {
				m.say("%s: ExecStop: %v", u.Name, err)
			}
		}
	}
	switch u.KillMode {
	case "control-group":
		killSession("/proc", pid, syscall.SIGTERM, syscall.Kill)
	case "mixed", "process":
		_ = syscall.Kill(pid, syscall.SIGTERM)
	}
	if s.gone(u.TimeoutStop) {
		return nil
	}
	if !u.SendSIGKILL {
		return fmt.Errorf("%s%s did not stop within %s", u.Name, suffix, u.TimeoutStop)
	}
	m.killAll(pid)
	s.gone(0)
	return nil
}

// gone waits until the main process has ended and been accounted for; 0 is no limit.
func (s *service) gone(d time.Duration) bool {
	s.mu.Lock()
	done := s.done
	s.mu.Unlock()
	select {
	case <-done:
		return true
	case <-limit(d):
		return false
	}
}

func (m *manager) killAll(pid int) {
	_ = syscall.Kill(pid, syscall.SIGKILL)
	killSession("/proc", pid, syscall.SIGKILL, syscall.Kill)
}

// control runs a command of the unit that is not its main process.
func (m *manager) control(u *unit, c command, env map[string]string, d time.Duration) error {
	p, err := m.spawn(u, c, env)
	if err != nil {
		return err
	}
	select {
	case status := <-p.ended:
		if code := exitStatus(status); code != 0 && !c.ignore {
			return fmt.Errorf("%s ended with exit status %d", strings.Join(c.argv, " "), code)
		}
		return nil
	case <-limit(d):
		m.killAll(p.pid)
		return fmt.Errorf("%s did not end within %s", strings.Join(c.argv, " "), d)
	}
}

func (m *manager) spawn(u *unit, c command, env map[string]string) (process, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return process{}, err
	}
	defer func() { _ = null.Close() }()
	out := m.output
	if u.Null {
		out = null
	}
	list := make([]string, 0, len(env))
	for name, value := range env {
		list = append(list, name+"="+value)
	}
	return m.reaper.start(expand(c.argv, env), list, "/", [3]uintptr{null.Fd(), out.Fd(), out.Fd()})
}

// environment is what a unit's processes get.
func (m *manager) environment(u *unit) (map[string]string, error) {
	env := map[string]string{"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
	for _, e := range u.Environment {
		name, value, _ := strings.Cut(e, "=")
		env[name] = value
	}
	for _, path := range u.EnvFiles {
		path, optional := strings.CutPrefix(path, "-")
		text, err := os.ReadFile(filepath.Join(m.dir.root, path)) //nolint:gosec // the unit names it
		if err != nil {
			if optional {
				continue
			}
			return nil, err
		}
		for name, value := range parseEnvFile(string(text)) {
			env[name] = value
		}
	}
	return env, nil
}
