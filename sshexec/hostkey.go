package sshexec

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/skeema/knownhosts"
	"golang.org/x/crypto/ssh"
	xknownhosts "golang.org/x/crypto/ssh/knownhosts"
)

// HostKeyPolicy says which keys of a machine are accepted. The zero value is Strict, and there is none that accepts a changed key.
type HostKeyPolicy struct {
	chosen  bool
	newInto string // file to write new keys to
	pin     bool   // accept none but these
	pinned  []ssh.PublicKey
}

// Strict accepts the keys that a known_hosts file has, and no others.
func Strict() HostKeyPolicy { return HostKeyPolicy{chosen: true} }

// AcceptNew accepts the keys of known_hosts files, and the key of a machine that none of them knows: whoever answers
// then for the first time is believed. The key is added to the file, which is made when it is not there, under the name
// that was dialled.
func AcceptNew(file string) HostKeyPolicy { return HostKeyPolicy{chosen: true, newInto: file} }

// Pinned accepts the given keys and no others; no known_hosts file is read.
func Pinned(keys ...ssh.PublicKey) HostKeyPolicy {
	return HostKeyPolicy{chosen: true, pin: true, pinned: keys}
}

// What is wrong with the key that a machine showed. There is no option to go on: the operator adds or removes a line of known_hosts.
var (
	ErrHostKeyUnknown = errors.New("no known_hosts file has a key of this host")
	ErrHostKeyChanged = errors.New("the host's key is not the one in known_hosts")
	ErrHostKeyRevoked = errors.New("the host's key is marked @revoked in known_hosts")
)

// HostKeyError is a refused host key. It unwraps to ErrHostKeyUnknown, ErrHostKeyChanged or ErrHostKeyRevoked.
type HostKeyError struct {
	Name    string   // the name looked up, as known_hosts writes it
	Offered string   // fingerprint and type of the key that the host showed
	Known   []string // the lines that disagree, as file:line type fingerprint
	Err     error
}

func (e *HostKeyError) Error() string {
	s := fmt.Sprintf("%s: %v: it showed %s", e.Name, e.Err, e.Offered)
	if len(e.Known) > 0 {
		s += ", known is " + strings.Join(e.Known, ", ")
	}
	return s
}

func (e *HostKeyError) Unwrap() error { return e.Err }

// hostKeys is the strict check of host keys for one connection. It is made anew for each, because known_hosts changes
// under a long run: a rebuilt node gets the keys of its backup back (lustre:140).
type hostKeys struct {
	policy HostKeyPolicy
	name   string // host:port to look up
	files  []string
	db     *knownhosts.HostKeyDB // nil when the keys are pinned
}

// readHostKeys reads the files; of several names of the host the first one counts that a file knows.
func readHostKeys(policy HostKeyPolicy, files, names []string) (*hostKeys, error) {
	if policy.pin {
		return &hostKeys{policy: policy, name: names[0]}, nil
	}
	if len(files) == 0 {
		files = defaultKnownHosts()
	}
	if into := policy.newInto; into != "" && !slices.Contains(files, into) {
		files = append(files[:len(files):len(files)], into)
	}
	if policy.newInto != "" {
		files = slices.DeleteFunc(slices.Clone(files), func(f string) bool {
			_, err := os.Stat(f)
			return errors.Is(err, os.ErrNotExist)
		})
	} else if len(files) == 0 {
		return nil, fmt.Errorf("there is no known_hosts file: %w", ErrHostKeyUnknown)
	}
	db, err := knownFiles.load(files)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if len(db.HostKeys(name)) > 0 {
			return &hostKeys{policy, name, files, db}, nil
		}
	}
	return &hostKeys{policy, names[0], files, db}, nil
}

// defaultKnownHosts are the files that OpenSSH reads, those of them that exist.
func defaultKnownHosts() []string {
	files := []string{"/etc/ssh/ssh_known_hosts"}
	if home, err := os.UserHomeDir(); err == nil {
		files = append([]string{filepath.Join(home, ".ssh", "known_hosts")}, files...)
	}
	return slices.DeleteFunc(files, func(f string) bool {
		_, err := os.Stat(f)
		return err != nil
	})
}

// algorithms asks the host for a key of a known type first; else a host with several keys shows one that no file has,
// and looks like an impostor. The other types follow, so that a host that lost its known key is reported as changed and
// not as a failed negotiation.
func (k *hostKeys) algorithms() []string {
	var known []string
	if k.db != nil {
		known = k.db.HostKeyAlgorithms(k.name)
	}
	for _, key := range k.policy.pinned {
		if key.Type() == ssh.KeyAlgoRSA {
			known = append(known, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256)
		}
		known = append(known, key.Type())
	}
	for _, a := range append(ssh.SupportedAlgorithms().HostKeys, ssh.KeyAlgoRSA) {
		if !slices.Contains(known, a) {
			known = append(known, a)
		}
	}
	return known
}

func (k *hostKeys) check(_ string, remote net.Addr, key ssh.PublicKey) error {
	if k.policy.pin {
		return k.checkPinned(key)
	}
	err := k.lookUp(remote, key)
	if k.policy.newInto == "" || !errors.Is(err, ErrHostKeyUnknown) {
		return err
	}
	return k.accept(remote, key)
}

func (k *hostKeys) checkPinned(key ssh.PublicKey) error {
	refused := &HostKeyError{Name: knownhosts.Normalize(k.name), Offered: describeKey(key), Err: ErrHostKeyChanged}
	for _, pinned := range k.policy.pinned {
		if bytes.Equal(pinned.Marshal(), key.Marshal()) {
			return nil
		}
		refused.Known = append(refused.Known, "pinned "+describeKey(pinned))
	}
	return refused
}

// accept writes down the key of a machine that is not known. Under the file's lock it looks again: another connection
// may have been first, perhaps with another key.
func (k *hostKeys) accept(remote net.Addr, key ssh.PublicKey) error {
	err := appendLocked(k.policy.newInto, func() (string, error) {
		files := k.files
		if !slices.Contains(files, k.policy.newInto) {
			files = append(files[:len(files):len(files)], k.policy.newInto)
		}
		db, err := knownFiles.load(files)
		if err != nil {
			return "", err
		}
		k.db = db
		if err := k.lookUp(remote, key); !errors.Is(err, ErrHostKeyUnknown) {
			return "", err
		}
		return xknownhosts.Line([]string{knownhosts.Normalize(k.name)}, key) + "\n", nil
	})
	var refused *HostKeyError
	if err != nil && !errors.As(err, &refused) {
		return fmt.Errorf("cannot write the new host key down: %w", err)
	}
	return err
}

// lookUp asks the known_hosts files.
func (k *hostKeys) lookUp(remote net.Addr, key ssh.PublicKey) error {
	err := k.db.HostKeyCallback()(k.name, remote, key)
	if err == nil && !k.onlyAuthority(key) {
		return nil
	}
	refused := &HostKeyError{Name: knownhosts.Normalize(k.name), Offered: describeKey(key), Err: err}
	var mismatch *xknownhosts.KeyError
	var revoked *xknownhosts.RevokedError
	switch {
	case err == nil:
		refused.Err = ErrHostKeyUnknown
		for _, known := range k.db.HostKeys(k.name) {
			if !known.Cert {
				refused.Known = append(refused.Known, describeKey(known))
				refused.Err = ErrHostKeyChanged
			}
		}
	case errors.As(err, &revoked):
		refused.Err = ErrHostKeyRevoked
		refused.Known = []string{describeLine(revoked.Revoked)}
	case errors.As(err, &mismatch) && len(mismatch.Want) == 0:
		refused.Err = ErrHostKeyUnknown
	case errors.As(err, &mismatch):
		refused.Err = ErrHostKeyChanged
		for _, known := range mismatch.Want {
			if !k.onlyAuthority(known.Key) {
				refused.Known = append(refused.Known, describeLine(known))
			}
		}
		if len(refused.Known) == 0 {
			refused.Err = ErrHostKeyUnknown // an authority says nothing of a key without a certificate
		}
	}
	return refused
}

// onlyAuthority tells whether all that known_hosts says of a key is that it signs certificates (@cert-authority): a
// host that shows the key itself is not known by that. The package below takes it for known; OpenSSH does not.
func (k *hostKeys) onlyAuthority(key ssh.PublicKey) bool {
	if _, certified := key.(*ssh.Certificate); certified {
		return false // the authority's signature was checked
	}
	authority := false
	for _, known := range k.db.HostKeys(k.name) {
		if bytes.Equal(known.Marshal(), key.Marshal()) {
			if !known.Cert {
				return false
			}
			authority = true
		}
	}
	return authority
}

func describeKey(key ssh.PublicKey) string { return key.Type() + " " + ssh.FingerprintSHA256(key) }

func describeLine(k xknownhosts.KnownKey) string {
	return fmt.Sprintf("%s:%d %s", k.Filename, k.Line, describeKey(k.Key))
}
