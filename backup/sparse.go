package backup

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Sparse files are written in GNU tar's format 1.0 for PAX archives, which GNU tar, bsdtar and archive/tar read;
// archive/tar does not write it.
//
// https://www.gnu.org/software/tar/manual/html_node/PAX-1.html

// scratch makes a file for content that has to be held for a while. Nil means that sparse files are written in full.
type scratch func() (*os.File, error)

const (
	holeUnit   = 64 << 10 // a hole is a whole number of these
	maxExtents = 20_000   // of one file: archive/tar reads maps of up to 1 MiB
)

// extent is a run of bytes that are not a hole.
type extent struct{ at, size int64 }

// isSparse tells whether tar found holes in a file.
func isSparse(h *tar.Header) bool {
	if h.Typeflag == tar.TypeGNUSparse {
		return true
	}
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return false
}

// addSparse writes a file with holes. The map of the holes stands before the content, so the content is held in a file,
// which has the same holes.
func (p *packer) addSparse(h *tar.Header, body io.Reader) error {
	if p.scratch == nil {
		return p.write(h, body)
	}
	name := h.Name
	f, err := p.scratch()
	if err != nil {
		return fmt.Errorf("cannot write %s into the archive: %w", shown(name), err)
	}
	defer func() { _ = f.Close() }()
	holes := &holeWriter{f: f}
	sum, err := p.copyTo(holes, body)
	if err == nil && holes.at != h.Size {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return fmt.Errorf("cannot write %s into the archive: %w", shown(name), err)
	}
	if len(holes.extents) > maxExtents || holes.data() == h.Size {
		return p.write(h, readsZeros(f, h.Size))
	}
	rec, err := p.begin(h)
	if err != nil {
		return err
	}
	rec.SHA256 = sum
	if err := p.writeSparse(h, holes.extents, f); err != nil {
		return fmt.Errorf("cannot write %s into the archive: %w", shown(name), err)
	}
	p.end(rec)
	return nil
}

// holeWriter writes to a file and leaves out what is zero.
type holeWriter struct {
	f       *os.File
	at      int64
	extents []extent
}

func (w *holeWriter) Write(b []byte) (int, error) {
	n := len(b)
	for len(b) > 0 {
		take := min(holeUnit-int(w.at%holeUnit), len(b))
		if err := w.unit(b[:take]); err != nil {
			return n - len(b), err
		}
		b = b[take:]
	}
	return n, nil
}

// unit writes a piece that lies within one unit.
func (w *holeWriter) unit(b []byte) error {
	start := w.at / holeUnit * holeUnit
	known := len(w.extents) > 0 && w.extents[len(w.extents)-1].at+w.extents[len(w.extents)-1].size > start
	switch {
	case known, len(bytes.TrimLeft(b, "\x00")) > 0:
		if _, err := w.f.WriteAt(b, w.at); err != nil {
			return err
		}
		w.at += int64(len(b))
		w.grow(start)
	default:
		w.at += int64(len(b))
	}
	return nil
}

// grow makes the last extent reach from start, or from where it began, to the present place.
func (w *holeWriter) grow(start int64) {
	if last := len(w.extents) - 1; last >= 0 && w.extents[last].at+w.extents[last].size >= start {
		w.extents[last].size = w.at - w.extents[last].at
		return
	}
	w.extents = append(w.extents, extent{start, w.at - start})
}

// data is how many bytes are not in holes.
func (w *holeWriter) data() (n int64) {
	for _, e := range w.extents {
		n += e.size
	}
	return n
}

// writeSparse writes the entry past archive/tar, which has no state between two entries but the padding that Flush writes.
func (p *packer) writeSparse(h *tar.Header, extents []extent, content io.ReaderAt) error {
	if err := p.tw.Flush(); err != nil {
		return err
	}
	extents = slices.Clone(extents)
	if n := len(extents); n == 0 || extents[n-1].at+extents[n-1].size < h.Size {
		extents = append(extents, extent{h.Size, 0}) // says how long the file is when it ends in a hole
	}
	var table bytes.Buffer
	fmt.Fprintf(&table, "%d\n", len(extents))
	stored := int64(0)
	for _, e := range extents {
		fmt.Fprintf(&table, "%d\n%d\n", e.at, e.size)
		stored += e.size
	}
	table.Write(make([]byte, padding(int64(table.Len()))))
	stored += int64(table.Len())

	head, err := sparseHeader(h, stored)
	if err != nil {
		return err
	}
	body := []io.Reader{bytes.NewReader(head), &table}
	for _, e := range extents {
		body = append(body, io.NewSectionReader(zeroPadded{content}, e.at, e.size))
	}
	body = append(body, bytes.NewReader(make([]byte, padding(stored))))
	_, err = io.CopyBuffer(onlyWriter{p.w}, io.MultiReader(body...), p.buf)
	return err
}

// zeroPadded reads zeros where the file ends early, as one does that ends in a hole.
type zeroPadded struct{ io.ReaderAt }

func (z zeroPadded) ReadAt(b []byte, at int64) (int, error) {
	n, err := z.ReaderAt.ReadAt(b, at)
	if errors.Is(err, io.EOF) {
		clear(b[n:])
		return len(b), nil
	}
	return n, err
}

func padding(n int64) int64 { return (tarBlock - n%tarBlock) % tarBlock }

// sparseHeader is the two headers of a sparse file whose entry holds stored bytes.
//
// https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html#tag_20_92_13
func sparseHeader(h *tar.Header, stored int64) ([]byte, error) {
	records := maps.Clone(h.PAXRecords)
	if records == nil {
		records = map[string]string{}
	}
	records["GNU.sparse.major"], records["GNU.sparse.minor"] = "1", "0"
	records["GNU.sparse.name"] = h.Name
	records["GNU.sparse.realsize"] = strconv.FormatInt(h.Size, 10)
	records["size"] = strconv.FormatInt(stored, 10)
	records["uid"], records["gid"] = strconv.Itoa(h.Uid), strconv.Itoa(h.Gid)
	records["mtime"] = fmt.Sprintf("%d.%09d", h.ModTime.Unix(), h.ModTime.Nanosecond())
	if h.Uname != "" {
		records["uname"] = h.Uname
	}
	if h.Gname != "" {
		records["gname"] = h.Gname
	}
	if h.ModTime.Unix() < 0 {
		return nil, fmt.Errorf("its time %s cannot stand in a sparse entry", h.ModTime)
	}
	var pax bytes.Buffer
	for _, key := range slices.Sorted(maps.Keys(records)) {
		pax.WriteString(paxRecord(key, records[key]))
	}
	dir, base := path.Split(h.Name)
	var out bytes.Buffer
	plainName := func(s string) string { return s[:min(len(s), 100)] }
	out.Write(ustarHeader(plainName(path.Join(dir, "PaxHeaders.0", base)), tar.TypeXHeader, 0o644, int64(pax.Len()), 0))
	size := int64(pax.Len())
	pax.Write(make([]byte, padding(size)))
	out.Write(pax.Bytes())
	out.Write(ustarHeader(plainName(path.Join(dir, "GNUSparseFile.0", base)), tar.TypeReg, h.Mode, stored, h.ModTime.Unix()))
	return out.Bytes(), nil
}

// paxRecord is one record of an extended header; its length counts itself.
func paxRecord(key, value string) string {
	rest := " " + key + "=" + value + "\n"
	size := len(rest) + 1
	for len(strconv.Itoa(size))+len(rest) != size {
		size++
	}
	return strconv.Itoa(size) + rest
}

// ustarHeader is a header block. Numbers that do not fit are in the extended header before it.
func ustarHeader(name string, flag byte, mode, size, mtime int64) []byte {
	block := make([]byte, tarBlock)
	octal := func(at, width int, v int64) {
		if v >= 1<<(3*(width-1)) {
			v = 0
		}
		copy(block[at:at+width-1], fmt.Sprintf("%0*o", width-1, v))
	}
	copy(block[0:100], name)
	octal(100, 8, mode)
	octal(108, 8, 0)
	octal(116, 8, 0)
	octal(124, 12, size)
	octal(136, 12, mtime)
	block[156] = flag
	copy(block[257:], "ustar\x0000")
	copy(block[148:156], "        ")
	sum := int64(0)
	for _, b := range block {
		sum += int64(b)
	}
	copy(block[148:156], fmt.Sprintf("%06o\x00 ", sum))
	return block
}
