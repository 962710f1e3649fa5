package cpstest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// Archive is a backup that migrate.sh made, as it stands in the books of this world: nothing that the operator sees.
type Archive struct {
	Path       string `json:"path"`
	Kind       string `json:"kind"`        // cluman or set-N
	OffMachine bool   `json:"off_machine"` // its whole content was read off the machine
	machine    string // the release of the Cluster Manager on which it was made
	sum        string
}

// packed is a file to put into an archive, or one taken out of it.
type packed struct{ path, data string }

// pack makes the bytes of a .tar.gz. The same files at the same time give the same bytes.
func pack(files []packed, at time.Time) string {
	var b bytes.Buffer
	zip := gzip.NewWriter(&b)
	w := tar.NewWriter(zip)
	for _, f := range files {
		h := &tar.Header{Name: strings.TrimPrefix(f.path, "/"), Mode: 0o600, Size: int64(len(f.data)), ModTime: at, Typeflag: tar.TypeReg}
		// Writing to memory does not fail.
		_ = w.WriteHeader(h)
		_, _ = io.WriteString(w, f.data)
	}
	_ = w.Close()
	_ = zip.Close()
	return b.String()
}

var errDamaged = errors.New("the archive is damaged or not complete")

// unpack reads such bytes. Anything missing or changed is an error.
func unpack(data string) ([]packed, error) {
	zip, err := gzip.NewReader(strings.NewReader(data))
	if err != nil {
		return nil, errDamaged
	}
	var files []packed
	for r := tar.NewReader(zip); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, errDamaged
		}
		content, err := io.ReadAll(r)
		if err != nil {
			return nil, errDamaged
		}
		files = append(files, packed{h.Name, string(content)})
	}
	if _, err := io.Copy(io.Discard, zip); err != nil { // the checksum stands behind the last file
		return nil, errDamaged
	}
	return files, nil
}

// label is the file inside an archive that says what it is.
const label = "var/tmp/migrate/label"

func labelText(kind, release string) string { return kind + " " + release + "\n" }

// readArchive reads an archive on a host and checks that it is of a kind.
func readArchive(h *simhost.Host, path, kind string) ([]packed, error) {
	data, err := h.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	files, err := unpack(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	i := slices.IndexFunc(files, func(f packed) bool { return f.path == label })
	if i < 0 || !strings.HasPrefix(files[i].data, kind+" ") {
		return nil, fmt.Errorf("%s is not an archive of %s", path, kind)
	}
	return files, nil
}

func sumOf(data string) string {
	sum := sha256.Sum256([]byte(data))
	return hex.EncodeToString(sum[:])
}

// enter records an archive that was made.
func (y *system) enter(path, kind, data string) {
	y.archives = append(y.archives, Archive{Path: path, Kind: kind, machine: y.manager.release, sum: sumOf(data)})
}

// archived tells whether a complete archive of a set was ever made.
func (y *system) archived(n int) bool {
	kind := fmt.Sprintf("set-%d", n)
	return slices.ContainsFunc(y.archives, func(a Archive) bool { return a.Kind == kind })
}

// readOff notes that somebody read a file as a whole.
func (y *system) readOff(s *simhost.State, data string) {
	sum := sumOf(data)
	for i := range y.archives {
		if a := &y.archives[i]; a.sum == sum && !a.OffMachine {
			a.OffMachine = true
			y.technicianSees(s, *a)
		}
	}
}

// destroyMachine checks that no archive goes down with a Cluster Manager.
func (y *system) destroyMachine(s *simhost.State) {
	for _, a := range y.archives {
		if a.machine == y.manager.release && !a.OffMachine {
			s.Violate("the Cluster Manager (%s) was replaced before %s was read off it", y.manager.release, a.Path)
		}
	}
}
