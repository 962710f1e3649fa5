package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/internal/infile"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// Copy tells of a file that Fetch has taken off a machine.
type Copy struct {
	Path   string // the file on this side
	SHA256 string // its digest, which is that of the machine's file, in hexadecimal
	Size   int64  // in bytes
}

// Fetch takes an archive that another program made off the machine before the machine is destroyed: one of a guide's
// script (lustre:100, lustre:405), or the backups of a Cisco Policy Suite deployment (cps:439). It streams the file
// into the local directory dir, under its own name and with mode 0600, and compares its digest with the one that
// sha256sum gives on the machine. Only then does the file get its name. Both commands are ReadOnly.
func Fetch(ctx context.Context, r sshexec.Runner, remote, dir string) (*Copy, error) {
	got, err := fetch(ctx, r, remote, filepath.Join(dir, path.Base(remote)))
	if err != nil {
		return nil, fmt.Errorf("cannot fetch %s: %w", shown(remote), err)
	}
	return got, nil
}

func fetch(ctx context.Context, r sshexec.Runner, remote, final string) (*Copy, error) {
	out, err := newOutFile(final)
	if err != nil {
		return nil, err
	}
	defer out.discard()
	sum, size := sha256.New(), &counter{}
	cat := sshexec.Command(sshexec.ReadOnly, "cat", remote)
	cat.Stdout = io.MultiWriter(out, sum, size)
	if _, err := r.Run(ctx, cat); err != nil {
		return nil, err
	}
	got := &Copy{Path: final, SHA256: hex.EncodeToString(sum.Sum(nil)), Size: size.n}
	there, err := farDigest(ctx, r, remote)
	if err != nil {
		return nil, err
	}
	if there != got.SHA256 {
		return nil, fmt.Errorf("%w: the machine has the digest %q, the copy %s", ErrDamaged, there, got.SHA256)
	}
	if err := out.commit(); err != nil {
		return nil, err
	}
	return got, nil
}

// farDigest reads a file on the machine and returns its sha256.
func farDigest(ctx context.Context, r sshexec.Runner, name string) (string, error) {
	res, err := r.Run(ctx, sshexec.Command(sshexec.ReadOnly, "sha256sum", name))
	if err != nil {
		return "", err
	}
	sum, _, _ := strings.Cut(strings.TrimPrefix(res.Text(), `\`), " ")
	if raw, err := hex.DecodeString(sum); err != nil || len(raw) != sha256.Size {
		return "", fmt.Errorf("sha256sum printed %q, which is no digest", sum)
	}
	return sum, nil
}

// Proof says that a copy of a file was seen, whole, on a machine. It is plain data: a runbook keeps it as a fact, and
// steps that destroy what the backup is of need it and look again (Proof.Check).
type Proof struct {
	Host   string    `json:"host"`   // what the machine that has the copy calls itself
	Path   string    `json:"path"`   // the copy
	SHA256 string    `json:"sha256"` // as read back there, in hexadecimal
	Size   int64     `json:"size"`   // in bytes
	Time   time.Time `json:"time"`   // when it was read back
}

// Errors of copying an archive off a machine.
var (
	ErrSameMachine = errors.New("the copy would lie on the machine that the backup is of")
	ErrNoCopy      = errors.New("the copy is not there, or is not what was copied")
)

// CopyOff copies an archive to a directory of a machine other than the one it is of, and reads it back there
// (lustre:96, lustre:403). of is the archive's machine, by any of its names; a far place that answers to one of them is
// ErrSameMachine. now is the time for the proof. The copy gets its name when it is whole and on the far disk; it has
// mode 0600. A copy of that name and that digest that is there already is taken as done, any other file of that name is
// ErrExists.
func CopyOff(ctx context.Context, r sshexec.Runner, file, dir string, of []string, now time.Time) (*Proof, error) {
	p, err := copyOff(ctx, r, file, dir, of, now)
	if err != nil {
		return nil, fmt.Errorf("cannot copy %s off the machine: %w", shown(file), err)
	}
	return p, nil
}

func copyOff(ctx context.Context, r sshexec.Runner, file, dir string, of []string, now time.Time) (*Proof, error) {
	if !path.IsAbs(dir) {
		return nil, fmt.Errorf("%q is not an absolute path", dir)
	}
	p := &Proof{Path: path.Join(dir, filepath.Base(file)), Time: now}
	var err error
	if p.SHA256, p.Size, err = localDigest(file); err != nil {
		return nil, err
	}
	f := far{runner: r}
	res, err := r.Run(ctx, sshexec.Command(sshexec.ReadOnly, "hostname"))
	if err != nil {
		return nil, err
	}
	p.Host = res.Text()
	for _, name := range []string{p.Host, f.optional(ctx, "hostname", "-f")} {
		for _, own := range of {
			if name != "" && sameHost(name, own) {
				return nil, fmt.Errorf("%w: %s", ErrSameMachine, name)
			}
		}
	}
	switch err := p.Check(ctx, r); {
	case err == nil:
		return p, nil
	case !errors.Is(err, ErrNoCopy):
		return nil, err
	}
	if there, err := exists(ctx, r, p.Path); err != nil {
		return nil, err
	} else if there {
		return nil, fmt.Errorf("%s on %s: %w, with another content", shown(p.Path), p.Host, ErrExists)
	}
	if err := sshexec.UploadFile(ctx, r, file, p.Path, 0o600); err != nil {
		return nil, err
	}
	return p, p.Check(ctx, r)
}

// Check reads the copy again where it lies. It is ErrNoCopy when the copy is gone or is another file, and the runner's
// own error when nobody can say.
func (p *Proof) Check(ctx context.Context, r sshexec.Runner) error {
	if there, err := exists(ctx, r, p.Path); err != nil {
		return err
	} else if !there {
		return fmt.Errorf("%w: %s on %s is not there", ErrNoCopy, shown(p.Path), p.Host)
	}
	sum, err := farDigest(ctx, r, p.Path)
	if err != nil {
		return err
	}
	if sum != p.SHA256 {
		return fmt.Errorf("%w: the digest of %s on %s is %s, not %s", ErrNoCopy, shown(p.Path), p.Host, sum, p.SHA256)
	}
	return nil
}

// exists tells whether a file is there; an error when nobody can say.
func exists(ctx context.Context, r sshexec.Runner, name string) (bool, error) {
	res, err := r.Run(ctx, sshexec.Command(sshexec.ReadOnly, "test", "-e", name))
	if err != nil && res.Outcome == sshexec.Exited && res.ExitCode == 1 {
		return false, nil
	}
	return err == nil, err
}

// localDigest is the sha256 of a file of this machine, and its size in bytes.
func localDigest(name string) (string, int64, error) {
	f, err := infile.Open(name)
	if err != nil {
		return "", 0, err
	}
	defer func() { _ = f.Close() }()
	sum := sha256.New()
	n, err := io.Copy(sum, f)
	return hex.EncodeToString(sum.Sum(nil)), n, err
}

// sameHost tells whether two names may be of one machine, where either may be short.
func sameHost(a, b string) bool {
	a, b = strings.ToLower(strings.TrimSuffix(a, ".")), strings.ToLower(strings.TrimSuffix(b, "."))
	return a == b || strings.HasPrefix(a, b+".") || strings.HasPrefix(b, a+".")
}
