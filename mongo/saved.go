package mongo

import (
	"encoding/json"
	"errors"
	"io"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
)

// ParseConfig reads a configuration that [Config.WriteTo] has written: one document in MongoDB's Extended JSON v2,
// canonical or relaxed (https://www.mongodb.com/docs/manual/reference/mongodb-extended-json/). What the shell prints of
// rs.conf() is another format, and an error. Unnamed fields are kept; the error names the line of a mistake in the JSON.
func ParseConfig(r io.Reader) (Config, error) {
	data, err := srcerr.ReadText(r)
	if err != nil {
		return Config{}, err
	}
	name := srcerr.NameOf(r)
	var syntax *json.SyntaxError
	var any json.RawMessage
	if err := json.Unmarshal(data, &any); errors.As(err, &syntax) {
		line, col := srcerr.Position(data, max(int(syntax.Offset)-1, 0))
		return Config{}, srcerr.Errorf(name, line, col, "", "no Extended JSON, as a saved configuration is, and what the "+
			"shell prints of rs.conf() is not: %w", err)
	}
	var c Config
	var doc bson.D // which keeps a field that is there twice, so that it is refused
	if err := bson.UnmarshalExtJSON(data, false, &doc); err != nil {
		return Config{}, srcerr.Errorf(name, 0, 0, "", "no Extended JSON, as a saved configuration is: %w", err)
	}
	if field := doubled(doc); field != "" {
		return Config{}, srcerr.Errorf(name, 0, 0, field, "the field is there twice")
	}
	err = bson.UnmarshalExtJSON(data, false, &c)
	if err == nil {
		err = Validate(c)
	}
	if err != nil {
		return Config{}, srcerr.Errorf(name, 0, 0, "", "%w", err)
	}
	return c, nil
}

// doubled is a field that is twice in a document, or in one within it; empty when there is none.
func doubled(value any) string {
	switch v := value.(type) {
	case bson.D:
		known := map[string]bool{}
		for _, e := range v {
			if known[e.Key] {
				return e.Key
			}
			known[e.Key] = true
			if in := doubled(e.Value); in != "" {
				return in
			}
		}
	case bson.A:
		for _, e := range v {
			if in := doubled(e); in != "" {
				return in
			}
		}
	}
	return ""
}

// WriteTo writes the configuration as [ParseConfig] reads it: canonical Extended JSON, which keeps the type of each
// number.
func (c Config) WriteTo(w io.Writer) (int64, error) {
	text, err := bson.MarshalExtJSONIndent(c, true, false, "", "  ")
	if err != nil {
		return 0, err
	}
	n, err := w.Write(append(text, '\n'))
	return int64(n), err
}
