package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// Copy tells of a file that Fetch has taken off a machine.
type Copy struct {
	Path   string // the file on this side
	SHA256 string // its digest, which is that of the machine's file, in hexadecimal
	Size   int64  // in bytes
}

// Fetch takes an archive that another program made off the machine before the machine is destroyed: one of a guide's script (lustre:100, lustre:405),
// or the backups of a Cisco Policy Suite deployment (cps:439). It streams the file into the local directory dir, under its own name and with mode
// 0600, and compares its digest with the one that sha256sum gives on the machine. Only then does the file get its name. Both commands are ReadOnly.
func Fetch(ctx context.Context, r sshexec.Runner, remote, dir string) (_ *Copy, err error) {
	final := filepath.Join(dir, path.Base(remote))
	defer func() {
		if err != nil {
			err = fmt.Errorf("cannot fetch %s: %w", remote, err)
		}
	}()
	if _, err := os.Lstat(final); err == nil {
		return nil, fmt.Errorf("%s: %w", final, ErrExists)
	}
	tmp, err := os.CreateTemp(dir, "."+path.Base(remote)+".*.part") // mode 0600
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = tmp.Close()
			_ = os.Remove(tmp.Name())
		}
	}()
	sum := sha256.New()
	cat := sshexec.Command(sshexec.ReadOnly, "cat", remote)
	cat.Stdout = io.MultiWriter(tmp, sum)
	if _, err := r.Run(ctx, cat); err != nil {
		return nil, err
	}
	got := &Copy{Path: final, SHA256: hex.EncodeToString(sum.Sum(nil))}
	res, err := r.Run(ctx, sshexec.Command(sshexec.ReadOnly, "sha256sum", remote))
	if err != nil {
		return nil, err
	}
	if want, _, _ := strings.Cut(strings.TrimPrefix(res.Text(), `\`), " "); want != got.SHA256 {
		return nil, fmt.Errorf("%w: the machine has the digest %q, the copy %s", ErrDamaged, want, got.SHA256)
	}
	if got.Size, err = tmp.Seek(0, io.SeekCurrent); err != nil {
		return nil, err
	}
	if err := publish(tmp, final); err != nil {
		return nil, err
	}
	return got, nil
}
