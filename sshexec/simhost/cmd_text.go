package simhost

import (
	"crypto/sha256"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

func addTextPrograms(r *Registry) {
	r.Command("true", -1, func(*Call) int { return 0 })
	r.Command("false", -1, func(*Call) int { return 1 })
	r.Command("echo", -1, func(c *Call) int { c.Printf("%s\n", strings.Join(c.Args, " ")); return 0 })
	r.Command("cat", 0, runCat)
	r.Command("tail", 0, runTail)
	r.Command("tee", 0, runTee)
	r.Command("dd", 0, runDd)
	r.Script(sshexec.PrivateFile("").Argv[2], 0, runPrivateFile)
	r.Command("sha256sum", 0, runSha256sum)
	r.Command("cmp", 0, runCmp)
	r.Command("test", 0, runTest)
	r.Command("[", 0, runTest)
	r.Command("od", 0, runOd)
	r.Command("sleep", -1, runSleep)
	r.Command("date", 0, runDate)
}

func runCat(c *Call) int {
	f, err := parseFlags(c.Args, "n", "")
	if err != nil {
		return c.refuse(err)
	}
	if len(f.rest) == 0 {
		f.rest = []string{"-"}
	}
	status := 0
	for _, arg := range f.rest {
		data := c.Stdin
		if arg != "-" {
			if data, err = c.read(arg); err != nil {
				status = c.Fail(1, "cat: %s: %v", arg, err)
				continue
			}
		}
		c.Out.WriteString(data)
	}
	return status
}

// read is ReadFile for a program: it sees /proc/uptime too, which takes a clock.
func (c *Call) read(arg string) (string, error) {
	if c.Path(arg) == "/proc/uptime" {
		up := c.now.Sub(c.Host.upSince).Seconds()
		return fmt.Sprintf("%.2f %.2f\n", up, up), nil
	}
	return c.Host.ReadFile(c.Path(arg))
}

// runTail is "tail -n N FILE".
func runTail(c *Call) int {
	if len(c.Args) != 3 || c.Args[0] != "-n" {
		return c.Fail(1, "tail: only tail -n N FILE is simulated")
	}
	n, err := strconv.Atoi(c.Args[1])
	if err != nil || n < 0 {
		return c.Fail(1, "tail: invalid number of lines: '%s'", c.Args[1])
	}
	data, err := c.read(c.Args[2])
	if err != nil {
		return c.Fail(1, "tail: cannot open '%s' for reading: %v", c.Args[2], err)
	}
	lines := strings.SplitAfter(data, "\n")
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	c.Out.WriteString(strings.Join(lines[max(0, len(lines)-n):], ""))
	return 0
}

func runTee(c *Call) int {
	f, err := parseFlags(c.Args, "a", "", "append")
	if err != nil {
		return c.refuse(err)
	}
	status := 0
	for _, arg := range f.rest {
		data := c.Stdin
		if old, err := c.Host.ReadFile(c.Path(arg)); err == nil && f.has("a", "append") {
			data = old + data
		}
		if err := c.Host.WriteFile(c.State, c.Path(arg), data); err != nil {
			status = c.Fail(1, "tee: %s: %v", arg, err)
		}
	}
	c.Out.WriteString(c.Stdin)
	return status
}

// runPrivateFile is what [sshexec.PrivateFile] runs.
func runPrivateFile(c *Call) int {
	if len(c.Args) != 2 {
		return c.Fail(2, "sh: the script takes a path")
	}
	if err := c.Host.Put(c.State, c.Path(c.Args[1]), File{Mode: 0o600, Data: c.Stdin}); err != nil {
		return c.Fail(1, "dd: failed to open '%s': %v", c.Args[1], err)
	}
	return 0
}

func runDd(c *Call) int {
	data, out := c.Stdin, ""
	for _, arg := range c.Args {
		switch name, value, _ := strings.Cut(arg, "="); name {
		case "of":
			out = value
		case "if":
			text, err := c.Host.ReadFile(c.Path(value))
			if err != nil {
				return c.Fail(1, "dd: failed to open '%s': %v", value, err)
			}
			data = text
		case "bs", "status", "conv", "oflag", "iflag":
		default:
			return c.Fail(1, "dd: unrecognized operand '%s'", arg)
		}
	}
	if out == "" {
		c.Out.WriteString(data)
		return 0
	}
	if err := c.Host.WriteFile(c.State, c.Path(out), data); err != nil {
		return c.Fail(1, "dd: failed to open '%s': %v", out, err)
	}
	return 0
}

func runSha256sum(c *Call) int {
	f, err := parseFlags(c.Args, "bc", "", "check", "status", "quiet")
	if err != nil {
		return c.refuse(err)
	}
	if len(f.rest) == 0 {
		f.rest = []string{"-"}
	}
	status := 0
	for _, arg := range f.rest {
		data := c.Stdin
		if arg != "-" {
			if data, err = c.Host.ReadFile(c.Path(arg)); err != nil {
				status = c.Fail(1, "sha256sum: %s: %v", arg, err)
				continue
			}
		}
		if f.has("c", "check") {
			status = max(status, c.checkSums(data, f.has("", "status") || f.has("", "quiet")))
			continue
		}
		c.Printf("%x  %s\n", sha256.Sum256([]byte(data)), arg)
	}
	return status
}

func (c *Call) checkSums(list string, quiet bool) int {
	status := 0
	for line := range strings.Lines(list) {
		want, name, ok := strings.Cut(strings.TrimRight(line, "\n"), " ")
		name = strings.TrimLeft(name, " *")
		if !ok {
			return c.Fail(1, "sha256sum: no properly formatted SHA256 checksum lines found")
		}
		data := c.Stdin
		var err error
		if name != "-" {
			data, err = c.Host.ReadFile(c.Path(name))
		}
		verdict := "OK"
		if err != nil || fmt.Sprintf("%x", sha256.Sum256([]byte(data))) != want {
			verdict, status = "FAILED", 1
		}
		if !quiet || verdict != "OK" {
			c.Printf("%s: %s\n", name, verdict)
		}
	}
	return status
}

// runTest knows the tests on one file and the comparisons of two texts or numbers, each perhaps after "!".
func runTest(c *Call) int {
	args := c.Args
	if c.Name == "[" {
		if len(args) == 0 || args[len(args)-1] != "]" {
			return c.Fail(2, "[: missing ']'")
		}
		args = args[:len(args)-1]
	}
	negate := len(args) > 1 && args[0] == "!"
	if negate {
		args = args[1:]
	}
	holds, ok := c.test(args)
	switch {
	case !ok:
		return c.Fail(2, "test: cannot understand '%s'", strings.Join(args, " "))
	case holds != negate:
		return 0
	}
	return 1
}

func (c *Call) test(args []string) (holds, ok bool) {
	switch len(args) {
	case 0:
		return false, true
	case 1:
		return args[0] != "", true
	case 2:
		p := c.Path(args[1])
		file, err := c.Host.Stat(p)
		link, lerr := c.Host.Lstat(p)
		switch args[0] {
		case "-e":
			return err == nil, true
		case "-f":
			return err == nil && file.Kind == Regular, true
		case "-d":
			return err == nil && file.Kind == Dir, true
		case "-s":
			return err == nil && file.Data != "", true
		case "-L", "-h":
			return lerr == nil && link.Kind == Symlink, true
		case "-r", "-w", "-x":
			return err == nil, true
		case "-n":
			return args[1] != "", true
		case "-z":
			return args[1] == "", true
		}
	case 3:
		switch args[1] {
		case "=", "==":
			return args[0] == args[2], true
		case "!=":
			return args[0] != args[2], true
		}
		a, errA := strconv.Atoi(args[0])
		b, errB := strconv.Atoi(args[2])
		if errA != nil || errB != nil {
			return false, false
		}
		switch args[1] {
		case "-eq":
			return a == b, true
		case "-ne":
			return a != b, true
		case "-gt":
			return a > b, true
		case "-lt":
			return a < b, true
		}
	}
	return false, false
}

// runCmp is `cmp [-s] A B`.
func runCmp(c *Call) int {
	f, err := parseFlags(c.Args, "s", "", "silent", "quiet")
	if err != nil || len(f.rest) != 2 {
		return c.Fail(2, "cmp: missing operand")
	}
	quiet := f.has("s", "silent") || f.has("", "quiet")
	var data [2]string
	for i, arg := range f.rest {
		if data[i], err = c.read(arg); err != nil {
			if !quiet {
				c.Fail(2, "cmp: %s: %v", arg, err)
			}
			return 2
		}
	}
	short := min(len(data[0]), len(data[1]))
	at := 0
	for at < short && data[0][at] == data[1][at] {
		at++
	}
	switch {
	case at == len(data[0]) && at == len(data[1]):
		return 0
	case quiet:
	case at == short:
		c.Fail(1, "cmp: EOF on %s", f.rest[map[bool]int{true: 0, false: 1}[len(data[0]) == short]])
	default:
		c.Printf("%s %s differ: byte %d, line %d\n", f.rest[0], f.rest[1], at+1, 1+strings.Count(data[0][:at], "\n"))
	}
	return 1
}

// runOd prints four-byte words in hexadecimal, low byte first, as `od -An -tx` does.
func runOd(c *Call) int {
	f, err := parseFlags(c.Args, "v", "Atj")
	if err != nil {
		return c.refuse(err)
	}
	data := c.Stdin
	if len(f.rest) > 0 {
		if data, err = c.Host.ReadFile(c.Path(f.rest[0])); err != nil {
			return c.Fail(1, "od: %s: %v", f.rest[0], err)
		}
	}
	for len(data) >= 4 {
		c.Printf(" %02x%02x%02x%02x", data[3], data[2], data[1], data[0])
		data = data[4:]
	}
	c.Printf("\n")
	return 0
}

func runSleep(c *Call) int {
	if len(c.Args) != 1 {
		return c.Fail(1, "sleep: missing operand")
	}
	d, err := time.ParseDuration(c.Args[0])
	if err != nil {
		if d, err = time.ParseDuration(c.Args[0] + "s"); err != nil {
			return c.Fail(1, "sleep: invalid time interval '%s'", c.Args[0])
		}
	}
	c.Sleep(d)
	return 0
}

func runDate(c *Call) int {
	format := "+%a %b %d %H:%M:%S UTC %Y"
	for _, a := range c.Args {
		if strings.HasPrefix(a, "+") {
			format = a
		}
	}
	t := c.now.UTC()
	c.Printf("%s\n", strings.NewReplacer(
		"%Y", t.Format("2006"), "%m", t.Format("01"), "%d", t.Format("02"), "%H", t.Format("15"), "%M", t.Format("04"), "%S", t.Format("05"),
		"%F", t.Format("2006-01-02"), "%T", t.Format("15:04:05"), "%s", strconv.FormatInt(t.Unix(), 10), "%a",
		t.Format("Mon"), "%b", t.Format("Jan"),
		"%z", "+0000", "%Z", "UTC", "%N", "000000000").Replace(format[1:]))
	return 0
}
