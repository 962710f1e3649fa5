package lustre

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/internal/printable"
	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
)

// ParseError is one mistake in an input: what is wrong, and where it stands.
type ParseError = srcerr.Error

// Target is one file of IML's target store (lustre:1075-1092): what a server needs to mount a Lustre target. Its form
// changed over the years; keys that are not known here are kept and written back.
type Target struct {
	Name       string // target_name: "MGS", "demo-MDT0000"; empty in the stores of 1.x and of 3.1 and later
	Backend    string // backfstype: "ldiskfs", "ext4" or "zfs"; ldiskfs where the store does not say
	Device     string // bdev: a block device; for ZFS a pool, or from 3.1 on a data set
	DeviceType string // device_type: "linux" where the store does not say
	MountPoint string // mntpt: an absolute path

	keys []targetKey // as read, in order
}

type targetKey struct {
	name string
	raw  json.RawMessage
}

// The values that IML assumes where a store does not say.
const (
	defaultBackend    = "ldiskfs"
	defaultDeviceType = "linux"
)

// Era is the range of IML releases whose form a target file has.
type Era string

// The eras.
const (
	Era1     Era = "1.x"           // bdev, mntpt
	Era22    Era = "2.2 to 3.0"    // with target_name: the bdev of a ZFS target is its pool
	Era31    Era = "3.1 and later" // with device_type: the bdev of a ZFS target is pool/dataset
	EraGuide Era = "mixed"         // with both, as the guide prints it
)

// field gives the place of a known key's value.
func (t *Target) field(key string) *string {
	switch key {
	case "target_name":
		return &t.Name
	case "backfstype":
		return &t.Backend
	case "bdev":
		return &t.Device
	case "device_type":
		return &t.DeviceType
	case "mntpt":
		return &t.MountPoint
	}
	return nil
}

// knownKeys are the keys that have a field, in the order in which new ones are written.
var knownKeys = []string{"backfstype", "bdev", "device_type", "mntpt", "target_name"}

// ParseTarget reads one file of the target store: one JSON object, with or without a newline. mntpt and bdev are
// required; it is an error when they are missing, when a known key is no text, when a key comes twice, and when
// anything follows the object.
func ParseTarget(r io.Reader) (*Target, error) {
	data, err := srcerr.ReadText(r)
	if err != nil {
		return nil, err
	}
	p := targetParser{name: srcerr.NameOf(r), data: data, t: &Target{}}
	p.parse()
	if err := p.errs.Err(); err != nil {
		return nil, err
	}
	return p.t, nil
}

type targetParser struct {
	name string
	data []byte
	t    *Target
	errs srcerr.List
}

func (p *targetParser) bad(offset int, near, format string, args ...any) {
	line, col := srcerr.Position(p.data, offset)
	p.errs = append(p.errs, srcerr.Errorf(p.name, line, col, near, format, args...))
}

func (p *targetParser) parse() {
	dec := json.NewDecoder(bytes.NewReader(p.data))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		p.syntax(dec, err, "not a JSON object, as a target file is")
		return
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			p.syntax(dec, err, "not a target file")
			return
		}
		name, _ := key.(string) // the decoder gives no other key
		end := int(dec.InputOffset())
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			p.syntax(dec, err, "not a target file")
			return
		}
		p.key(name, raw, end, int(dec.InputOffset())-len(raw))
	}
	if _, err := dec.Token(); err != nil {
		p.syntax(dec, err, "not a target file")
		return
	}
	end := int(dec.InputOffset())
	if rest := bytes.TrimSpace(p.data[end:]); len(rest) > 0 {
		p.bad(end+bytes.Index(p.data[end:], rest), string(rest), "there is more after the target")
	}
	p.finish(end - 1)
}

// syntax reports what the decoder found wrong, where it found it.
func (p *targetParser) syntax(dec *json.Decoder, err error, what string) {
	offset := int(dec.InputOffset())
	var se *json.SyntaxError
	if errors.As(err, &se) {
		offset = max(0, int(se.Offset)-1)
	}
	switch {
	case len(bytes.TrimSpace(p.data)) == 0:
		err = errors.New("the file is empty")
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		err, offset = errors.New("it ends in the middle"), len(p.data)
	}
	for offset < len(p.data) && strings.IndexByte(" \t\r\n", p.data[offset]) >= 0 {
		offset++ // the decoder may name the blank before what it stumbled over
	}
	near := string(p.data[min(offset, len(p.data)):])
	if err != nil {
		p.bad(offset, near, "%s: %w", what, err)
	} else {
		p.bad(max(0, offset-1), string(p.data[max(0, offset-1):]), "%s", what)
	}
}

// key takes one key and its value, which start at the given offsets.
func (p *targetParser) key(name string, raw json.RawMessage, keyEnd, at int) {
	if slices.ContainsFunc(p.t.keys, func(k targetKey) bool { return k.name == name }) {
		p.bad(keyEnd-1, name, "the key %q is there twice", name)
		return
	}
	p.t.keys = append(p.t.keys, targetKey{name, bytes.Clone(raw)})
	field := p.t.field(name)
	if field == nil || string(raw) == "null" {
		return
	}
	if err := json.Unmarshal(raw, field); err != nil {
		p.bad(at, string(raw), "%s is not a text", name)
		return
	}
	if err := checkField(name, *field); err != nil {
		p.bad(at, string(raw), "%w", err)
	}
}

// checkField refuses a value that would not be where it seems to be, or that would be taken for an option of a command.
func checkField(name, value string) error {
	switch {
	case value == "":
		return nil // finish says what is missing
	case strings.ContainsFunc(value, func(r rune) bool { return !printable.Safe(r) }):
		return fmt.Errorf("%s has letters that cannot be seen", name)
	case name == "mntpt" && !path.IsAbs(value):
		return errors.New("mntpt is not an absolute path")
	case name == "mntpt" && (path.Clean(value) != strings.TrimSuffix(value, "/") || path.Clean(value) == "/"):
		return errors.New("mntpt is not a plain path: it has . or .. or // in it, or is the root directory")
	case strings.HasPrefix(value, "-"):
		return fmt.Errorf("%s would be an option of a command: it begins with a dash", name)
	}
	return nil
}

// finish demands what every era has, and fills in what IML assumes.
func (p *targetParser) finish(end int) {
	if len(p.errs) > 0 {
		return
	}
	t := p.t
	for _, key := range []string{"mntpt", "bdev"} {
		if *t.field(key) == "" {
			p.bad(end, "", "%s is missing: a target cannot be mounted without it", key)
		}
	}
	if t.Backend == "" {
		t.Backend = defaultBackend
	}
	if t.DeviceType == "" {
		t.DeviceType = defaultDeviceType
	}
}

// has tells whether the file had a key with a value.
func (t *Target) has(key string) bool {
	return slices.ContainsFunc(t.keys, func(k targetKey) bool { return k.name == key && string(k.raw) != "null" })
}

// Era is the form that the file had.
func (t *Target) Era() Era {
	switch name, kind := t.Name != "", t.has("device_type"); {
	case name && kind:
		return EraGuide
	case name:
		return Era22
	case kind:
		return Era31
	}
	return Era1
}

// Label is the target's name: target_name, or the last element of the mount point where the store has no name, since IML mounts a target on
// /mnt/<name> (lustre:1083). It is empty when neither is a target's name.
func (t *Target) Label() string {
	if t.Name != "" {
		return t.Name
	}
	if base := path.Base(t.MountPoint); validLabel(base) {
		return base
	}
	return ""
}

// ZFS tells the pool and the data set of a ZFS target; ok is false when it is none. Up to 3.0 bdev is the pool and the
// data set is called after the target, from 3.1 on bdev is both (H24). A pool's name holds no slash, so the guide's
// mixed form is no riddle. The data set is empty when the file has a pool and no name.
func (t *Target) ZFS() (pool, dataset string, ok bool) {
	if t.Backend != "zfs" {
		return "", "", false
	}
	pool, _, whole := strings.Cut(t.Device, "/")
	switch {
	case whole:
		return pool, t.Device, true
	case t.Name != "":
		return pool, t.Device + "/" + t.Name, true
	}
	return pool, "", true
}

// Source is what stands as the device in the mount table while the target is mounted; empty when the file does not tell.
func (t *Target) Source() string {
	if _, dataset, ok := t.ZFS(); ok {
		return dataset
	}
	return t.Device
}

// WriteTo writes the target as IML does: one line of JSON without a newline. What was read and not changed is written
// as it was, in its order; keys that are not known are kept.
func (t *Target) WriteTo(w io.Writer) (int64, error) {
	line, err := t.MarshalJSON()
	if err != nil {
		return 0, err
	}
	n, err := w.Write(line)
	return int64(n), err
}

// MarshalJSON is the line that WriteTo writes.
func (t *Target) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	put := func(name string, raw []byte) error {
		if b.Len() > 1 {
			b.WriteString(", ")
		}
		key, err := plainJSON(name)
		if err != nil {
			return err
		}
		b.Write(key)
		b.WriteString(": ")
		if bytes.ContainsAny(raw, "\n\r") {
			return json.Compact(&b, raw)
		}
		b.Write(raw)
		return nil
	}
	for _, k := range t.keys {
		raw := []byte(k.raw)
		if field := t.field(k.name); field != nil {
			var err error
			if raw, err = k.current(*field, implied(k.name)); err != nil {
				return nil, err
			}
		}
		if err := put(k.name, raw); err != nil {
			return nil, err
		}
	}
	for _, name := range knownKeys {
		value := *t.field(name)
		there := slices.ContainsFunc(t.keys, func(k targetKey) bool { return k.name == name })
		if there || value == "" || value == implied(name) && len(t.keys) > 0 {
			continue
		}
		raw, err := plainJSON(value)
		if err != nil {
			return nil, err
		}
		if err := put(name, raw); err != nil {
			return nil, err
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// implied is the value that IML assumes for a key that is missing.
func implied(key string) string {
	return map[string]string{"backfstype": defaultBackend, "device_type": defaultDeviceType}[key]
}

// current is the key's value as it was read when it still means what the field says, the field's otherwise.
func (k targetKey) current(value, implied string) ([]byte, error) {
	var was string
	if err := json.Unmarshal(k.raw, &was); err == nil && (was == value || was == "" && value == implied) {
		return k.raw, nil
	}
	return plainJSON(value)
}

// plainJSON is a text as JSON, without the escapes that only HTML needs.
func plainJSON(s string) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		return nil, fmt.Errorf("cannot write %q as JSON: %w", s, err)
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}
