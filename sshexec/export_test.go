package sshexec

import (
	"io"
	"net"
	"os"

	"golang.org/x/crypto/ssh"
)

// StripInPieces strips a text that comes in pieces.
func StripInPieces(text string, size func(left int) int) string {
	var (
		s   controlStripper
		out []byte
	)
	for text != "" {
		n := size(len(text))
		out = append(out, s.strip([]byte(text[:n]))...)
		text = text[n:]
	}
	return string(out)
}

// ReadGlance tells what parseGlance makes of a text.
func ReadGlance(text []byte) (stdout, stderr []byte, res Result, err error) {
	g, err := parseGlance(text)
	return g.stdout, g.stderr, g.end, err
}

// Resolve tells what a configuration says of a host.
func Resolve(c *SSHConfig, alias string, base Config) (Config, error) { return c.resolve(alias, base) }

// ParseSums and SumLine are the list of sums, read and written.
var (
	ParseSums = parseSums
	SumLine   = sumLine
)

// CheckHostKey asks a policy and a known_hosts file about a key, as a connection does.
func CheckHostKey(policy HostKeyPolicy, file, name string, key ssh.PublicKey) error {
	keys, err := readHostKeys(policy, []string{file}, []string{name})
	if err != nil {
		return err
	}
	return keys.check(name, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 22}, key)
}

// EarlySync is a file that is synced on the way.
func EarlySync(f *os.File) (to io.Writer, wait func() error) {
	early := &earlySync{File: f}
	return early, early.wait
}

// FenceMark is what would mark a refusal of a run of the command.
func FenceMark(cmd Cmd) string { return fenceOf(cmd).Mark }

// Silence is how often it is asked whether all output has arrived until it counts as complete, where some comes the first times.
func Silence(first int) (asked int) {
	o := newOutputs(Cmd{})
	o.arrived = func(<-chan struct{}) bool {
		if asked++; asked <= first {
			o.stdout.reads.Add(2)
		}
		return true
	}
	o.silence(nil)
	return asked
}
