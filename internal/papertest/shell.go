package papertest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// textTools are the programs of this machine that a block may use on a simulated host: they only read what is piped
// into them. Nothing that writes may be among them; see prelude for sed -i, and for tail of a file.
var textTools = []string{"awk", "gawk", "mawk", "grep", "egrep", "sed", "sort", "uniq", "cut", "head", "tail", "tr",
	"wc", "diff", "comm", "seq"}

// prelude makes every other program of a block one of the simulated host. The files that pass input and output are for this test alone.
const prelude = `
sim() {
  local d status
  exec 9<>"/dev/tcp/127.0.0.1/$PAPER_PORT" || return 125
  read -r d <&9 && printf '%s\0' "$PAPER_HOST" "$PAPER_READONLY" "$PAPER_DIR" "$@" >"$d/argv" || return 125
  case "$1 $#" in cat\ 1|dd\ *|tee\ *|tar\ *|passwd\ *|chpasswd\ *|pcs\ *|cibadmin\ *|mongo\ *|telnet\ *|install\ *|*/install\ *|*/sh\ *) "$PAPER_CAT" >"$d/in" ;; esac
  printf 'called\n' >&9; read -r status <&9; exec 9>&-
  [ ! -s "$d/out" ] || "$PAPER_CAT" "$d/out"
  [ ! -s "$d/err" ] || "$PAPER_CAT" "$d/err" >&2
  return "$status"
}
command_not_found_handle() { sim "$@"; }
cd() { PAPER_DIR=$1; }
test() { sim test "$@"; }
sed() { if [ "$1" = -i ]; then sim sed "$@"; else command sed "$@"; fi; }
tail() { if [ $# = 3 ]; then sim tail "$@"; else command tail "$@"; fi; } # of a file, and not of what is piped in
sudo() { while [ "$1" != -- ]; do shift; done; shift; "$@"; }
`

// here makes ssh reach the simulated hosts; everything else on the operator's machine is real.
const here = `
ssh() { local h=${1#*@}; shift; PAPER_HOST=$h PATH=$PAPER_BIN /bin/bash -c "$PAPER_REMOTE"$'\n'"$*"; }
`

// shell runs blocks.
type shell struct {
	world  World
	dir    string // the operator's directory
	bin    string
	calls  string // a directory for each call of a program
	server net.Listener
	wg     sync.WaitGroup
	vars   map[string]string // as declare -p prints them
	paths  []string          // programs that are called by their path
}

func newShell(w World, dir string, md string) (*shell, error) {
	s := &shell{world: w, dir: dir, bin: filepath.Join(dir, ".bin"), calls: filepath.Join(dir, ".calls"), vars: map[string]string{}}
	if err := errors.Join(os.MkdirAll(s.bin, 0o700), os.MkdirAll(s.calls, 0o700)); err != nil {
		return nil, err
	}
	for _, name := range textTools {
		if path, err := exec.LookPath(name); err == nil {
			if err := os.Symlink(path, filepath.Join(s.bin, name)); err != nil {
				return nil, err
			}
		}
	}
	seen := map[string]bool{}
	for _, m := range calledByPath.FindAllStringSubmatch(md, -1) {
		if !seen[m[1]] {
			seen[m[1]] = true
			s.paths = append(s.paths, m[1])
		}
	}
	var err error
	if s.server, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	s.wg.Add(1)
	go s.serve()
	return s, nil
}

var calledByPath = regexp.MustCompile(`(?m)(?:^|[|(;&] *|\$\(|printf '%q ' )(/[A-Za-z0-9_./-]+)(?: |\)|$)`)

func (s *shell) close() {
	_ = s.server.Close()
	s.wg.Wait()
}

func (s *shell) serve() {
	defer s.wg.Done()
	for {
		c, err := s.server.Accept()
		if err != nil {
			return
		}
		s.wg.Add(1)
		go func() {
			defer s.wg.Done()
			defer func() { _ = c.Close() }()
			dir, err := os.MkdirTemp(s.calls, "")
			if err != nil {
				return
			}
			_, _ = fmt.Fprintln(c, dir)
			if _, err := bufio.NewReader(c).ReadString('\n'); err != nil {
				return
			}
			_, _ = fmt.Fprintln(c, s.call(dir))
		}()
	}
}

// call runs one program in the world. A host that does not answer is what ssh would say: exit status 255.
func (s *shell) call(dir string) int {
	file := func(name string) string { return filepath.Join(dir, name) }
	data, err := os.ReadFile(file("argv"))
	if err != nil {
		return 125
	}
	words := strings.Split(strings.TrimSuffix(string(data), "\x00"), "\x00")
	host, readOnly, workDir, argv := words[0], words[1] == "1", words[2], words[3:]
	in, _ := os.ReadFile(file("in"))
	effect := sshexec.Disruptive
	if readOnly {
		effect = sshexec.ReadOnly
	}
	cmd := sshexec.Command(effect, argv...)
	cmd.Dir = workDir
	if len(in) > 0 {
		cmd.Stdin = sshexec.Text(string(in))
	}
	var res sshexec.Result
	r, err := s.world.Runner(host)
	if err == nil {
		res, err = r.Run(context.Background(), cmd)
	}
	if err != nil && res.Outcome != sshexec.Exited {
		res.ExitCode, res.Stderr = 255, []byte(err.Error()+"\n")
	}
	if err := errors.Join(os.WriteFile(file("out"), res.Stdout, 0o600), os.WriteFile(file("err"), res.Stderr, 0o600)); err != nil {
		return 125
	}
	return res.ExitCode
}

// typed runs a block as typed, with the variables that are set; unset is left out, or empty.
func (s *shell) typed(ctx context.Context, functions string, b *Block, without string, empty bool,
	input string) (out string, code int, err error) {
	var script strings.Builder
	operator := strings.HasPrefix(b.Host, "(")
	remote := prelude
	for _, path := range s.paths {
		remote += fmt.Sprintf("function %s { sim %s \"$@\"; }\n", path, path)
	}
	if operator {
		script.WriteString(here)
	} else {
		script.WriteString(remote + "PATH=$PAPER_BIN\n" + functions + "\n")
	}
	for name, line := range s.vars {
		switch {
		case name != without:
			script.WriteString(line + "\n")
		case empty:
			script.WriteString(name + "=\n")
		}
	}
	script.WriteString("exec 2>&1\n" + b.Text + "\n")
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/bin/bash", "-c", script.String())
	cmd.Dir, cmd.Stdin = s.dir, strings.NewReader(input)
	readOnly := "0"
	if b.ReadOnly {
		readOnly = "1"
	}
	cmd.Env = []string{
		"PATH=/usr/bin:/bin", "HOME=" + s.dir, "LC_ALL=C", "PAPER_BIN=" + s.bin, "PAPER_CAT=/bin/cat", "PAPER_READONLY=" + readOnly,
		"PAPER_HOST=" + b.Host, "PAPER_REMOTE=" + remote, fmt.Sprintf("PAPER_PORT=%d", s.server.Addr().(*net.TCPAddr).Port),
	}
	data, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return string(data), exit.ExitCode(), nil
	}
	return string(data), 0, err
}

// note keeps the variables that a block printed by declare -p, as the operator pastes them into the next terminal.
func (s *shell) note(out string) string {
	i := strings.Index(out, "declare -- ")
	if i < 0 {
		return out
	}
	rest := out[i:]
	for rest != "" {
		next := strings.Index(rest[1:], "\ndeclare -- ")
		one := rest
		if next >= 0 {
			one, rest = rest[:next+1], rest[next+2:]
		} else {
			rest = ""
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(one, "declare -- "), "=")
		s.vars[name] = strings.TrimSuffix(one, "\n")
	}
	return out[:i]
}
