// Package document reads the documents of MongoDB servers, and refuses damaged ones.
package document

import (
	"encoding/binary"
	"errors"
	"fmt"

	"go.mongodb.org/mongo-driver/bson"
)

// Decode reads a document. It is validated first, through and through: a length that lies makes the driver's own decoder panic.
func Decode(data []byte, into any) error {
	if err := validate(data); err != nil {
		return fmt.Errorf("the BSON is damaged: %w", err)
	}
	return bson.Unmarshal(data, into)
}

// Shortest is the length of an empty document, in bytes: the length and the end.
const Shortest = 5

// validate looks at a document and at those in it; the driver's Validate looks at one level.
func validate(d bson.Raw) error {
	if len(d) < Shortest || int32(binary.LittleEndian.Uint32(d)) < Shortest { //nolint:gosec // a length is signed
		return errors.New("a document of less than 5 bytes")
	}
	if err := d.Validate(); err != nil {
		return err
	}
	values, err := d.Values()
	for i := 0; err == nil && i < len(values); i++ {
		if in, ok := values[i].DocumentOK(); ok {
			err = validate(in)
		} else if in, ok := values[i].ArrayOK(); ok {
			err = validate(in)
		}
	}
	return err
}

// Number is a number of any of the types that servers and shells take for one another.
func Number(v bson.RawValue) (float64, bool) {
	if n, ok := v.Int32OK(); ok {
		return float64(n), true
	}
	if n, ok := v.Int64OK(); ok {
		return float64(n), true
	}
	return v.DoubleOK()
}
