package evenkeel

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// A journal is a file of lines, one record each: a JSON object whose last field is its checksum. The checksum covers
// the bytes of the line before that field, and so says nothing of how JSON may be read: another spelling of the same
// record is damage.

// sumField is what stands between a record and its checksum, sumEnd what follows it.
const (
	sumField = `,"sum":"`
	sumEnd   = `"}`
	sumSize  = 24 // hexadecimal digits
)

// maxJournal bounds what is read of a journal, in bytes: the longest run of this tool writes less than a hundredth of it.
const maxJournal = 256 << 20

// seal gives the next record its place and checksum, and makes its line.
func seal(records []Record, r Record) (Record, []byte, error) {
	r.Seq, r.Sum = len(records)+1, ""
	body, err := json.Marshal(r)
	if err != nil {
		return r, nil, fmt.Errorf("cannot write journal record %d: %w", r.Seq, err)
	}
	body = bytes.TrimSuffix(body, []byte("}"))
	r.Sum = sumOf(lastSum(records), body)
	return r, append(body, sumField+r.Sum+sumEnd+"\n"...), nil
}

func lastSum(records []Record) string {
	if len(records) == 0 {
		return ""
	}
	return records[len(records)-1].Sum
}

// sumOf is the checksum of a record's bytes after the record with the sum last.
func sumOf(last string, body []byte) string {
	h := sha256.New()
	_, _ = io.WriteString(h, last)
	_, _ = h.Write(body)
	return hex.EncodeToString(h.Sum(nil))[:sumSize]
}

// unseal reads a line, without its line end, as the record that follows records.
func unseal(records []Record, line []byte) (Record, error) {
	var r Record
	split := len(line) - len(sumField) - sumSize - len(sumEnd)
	if split < 0 || string(line[split:split+len(sumField)]) != sumField || string(line[len(line)-len(sumEnd):]) != sumEnd {
		return r, errors.New("it does not end in a checksum")
	}
	body, sum := line[:split], string(line[split+len(sumField):len(line)-len(sumEnd)])
	if sum != sumOf(lastSum(records), body) {
		return r, errors.New("the checksum does not fit")
	}
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&r); err != nil {
		return r, fmt.Errorf("this version cannot read it: %w", err)
	}
	switch {
	case r.Seq != len(records)+1:
		return r, fmt.Errorf("record %d stands where %d belongs", r.Seq, len(records)+1)
	case r.Sum != sum:
		return r, errors.New("it holds two checksums")
	}
	return r, nil
}

// ReadJournal reads the records of a journal. A last line that was cut off in the middle of writing is left out, and
// whole tells how many bytes are good; any other damage is ErrJournalDamaged, with the line.
func ReadJournal(r io.Reader) (records []Record, whole int64, err error) {
	data, err := io.ReadAll(io.LimitReader(r, maxJournal+1))
	if err != nil {
		return nil, 0, fmt.Errorf("cannot read the journal: %w", err)
	}
	if len(data) > maxJournal {
		return nil, 0, fmt.Errorf("%w: it is larger than %d bytes, which no run writes", ErrJournalDamaged, maxJournal)
	}
	for len(data) > 0 {
		line, rest, complete := bytes.Cut(data, []byte{'\n'})
		if !complete {
			if err := torn(records, line); err != nil {
				return records, whole, fmt.Errorf("%w: line %d: %w", ErrJournalDamaged, len(records)+1, err)
			}
			return records, whole, nil
		}
		rec, err := unseal(records, line)
		if err != nil {
			return records, whole, fmt.Errorf("%w: line %d: %w", ErrJournalDamaged, len(records)+1, err)
		}
		records = append(records, rec)
		whole += int64(len(line)) + 1
		data = rest
	}
	return records, whole, nil
}

// torn tells whether a last line without its end is what a crash leaves: the beginning of the record that comes next,
// or zero bytes, which some file systems leave where data had not reached the disk. A whole record with another byte in
// the place of its line end is damage: that record had been written.
func torn(records []Record, line []byte) error {
	begin := fmt.Appendf(nil, `{"seq":%d,`, len(records)+1)
	text := bytes.TrimRight(line, "\x00")
	if n := min(len(text), len(begin)); !bytes.Equal(text[:n], begin[:n]) {
		return fmt.Errorf("the last line has no line end, and is not the beginning of record %d", len(records)+1)
	}
	h := sha256.New()
	_, _ = io.WriteString(h, lastSum(records))
	for rest := line; ; {
		at := bytes.Index(rest, []byte(sumField))
		if at < 0 {
			return nil
		}
		_, _ = h.Write(rest[:at])
		after := rest[at+len(sumField):]
		if seal := hex.EncodeToString(h.Sum(nil))[:sumSize] + sumEnd; len(after) > len(seal) && string(after[:len(seal)]) == seal {
			return errors.New("it is a whole record without its line end")
		}
		_, _ = h.Write(rest[at : at+len(sumField)])
		rest = after
	}
}

// WriteJournal writes the records of a journal as the lines of its file, for a journal that is kept elsewhere:
// [ReadJournal] reads them. Records that are not sealed, or do not follow each other, are ErrJournalDamaged.
func WriteJournal(w io.Writer, records []Record) error {
	for i, r := range records {
		sealed, line, err := seal(records[:i], r)
		switch {
		case err != nil:
			return err
		case sealed.Seq != r.Seq, sealed.Sum != r.Sum:
			return fmt.Errorf("%w: record %d is not the one that was sealed in its place", ErrJournalDamaged, i+1)
		}
		if _, err := w.Write(line); err != nil {
			return fmt.Errorf("cannot write journal record %d: %w", r.Seq, err)
		}
	}
	return nil
}
