package mongo

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
)

// ShardingState is what [ShardingFix.ReadScript] prints of one ADMIN set's database sharding.
type ShardingState struct {
	Set             string        `json:"set"`
	Primary         string        `json:"primary"`         // "host:port" of the member that answered
	CacheConfigs    int64         `json:"cacheConfigs"`    // documents in cache_config
	MigratingShards int64         `json:"migratingShards"` // of these, how many have the field migratingShards
	HasConfig       bool          `json:"hasConfig"`       // whether config has the document with _id 1
	ConfigVersion   int64         `json:"configVersion"`   // its version
	Versions        []VersionsDoc `json:"versions"`

	Unknown []Field `json:"-"` // other fields, as JSON text
}

// VersionsDoc is a document of the collection versions.
type VersionsDoc struct {
	ID              string `json:"_id"`
	Version         int64  `json:"version"`
	PreviousVersion int64  `json:"previousVersion"`
	MigrationStatus string `json:"migrationStatus"`
}

// Fixed tells whether nothing of a migration is left: no migratingShards, and the one versions document complete.
func (s ShardingState) Fixed() bool {
	return s.MigratingShards == 0 && len(s.Versions) == 1 && s.Versions[0].ID == CompleteVersions.ID &&
		s.Versions[0].MigrationStatus == CompleteVersions.MigrationStatus
}

func (s ShardingState) configText() string {
	if !s.HasConfig {
		return "missing"
	}
	return fmt.Sprintf("at version %d", s.ConfigVersion)
}

// ParseShardingState finds the state in what the shell printed for [ShardingFix.ReadScript]. Other lines are the
// shell's; no state, or more than one, is an error, and so is a state with a field missing or of the wrong kind.
func ParseShardingState(r io.Reader) (*ShardingState, error) {
	data, err := srcerr.ReadText(r)
	if err != nil {
		return nil, err
	}
	file := srcerr.NameOf(r)
	var found *ShardingState
	for i, line := range bytes.Split(data, []byte("\n")) {
		at := bytes.Index(line, []byte(stateMarker))
		if at < 0 || len(bytes.TrimSpace(line[:at])) > 0 {
			continue
		}
		if found != nil {
			return nil, srcerr.Errorf(file, i+1, at+1, string(line), "a second state in one output")
		}
		text := line[at+len(stateMarker):]
		s, off, err := decodeState(text)
		if err != nil {
			col := at + len(stateMarker) + off + 1
			return nil, &srcerr.Error{File: file, Line: i + 1, Col: col, Near: string(text[min(off, len(text)):]), Err: err}
		}
		found = s
	}
	if found == nil {
		return nil, &srcerr.Error{File: file,
			Err: errors.New("no line that begins with \"" + stateMarker + "\": the shell did not print the state")}
	}
	return found, nil
}

var stateFields = []string{"set", "primary", "cacheConfigs", "migratingShards", "hasConfig", "configVersion", "versions"}

// decodeState reads the JSON; off is where it is wrong.
func decodeState(text []byte) (s *ShardingState, off int, err error) {
	var raw map[string]json.RawMessage
	s = &ShardingState{}
	for _, into := range []any{&raw, s} {
		if err := json.Unmarshal(text, into); err != nil {
			var syntax *json.SyntaxError
			var kind *json.UnmarshalTypeError
			switch {
			case errors.As(err, &syntax):
				off = int(syntax.Offset)
			case errors.As(err, &kind):
				off = int(kind.Offset)
			}
			return nil, max(min(off, len(text))-1, 0), fmt.Errorf("cannot read state: %w", err)
		}
	}
	for _, name := range stateFields {
		if v, ok := raw[name]; !ok || string(v) == "null" {
			return nil, 0, fmt.Errorf("cannot read state: no field %q", name)
		}
		delete(raw, name)
	}
	if s.MigratingShards < 0 || s.MigratingShards > s.CacheConfigs {
		return nil, 0, fmt.Errorf("cannot read state: %d of %d documents with migratingShards", s.MigratingShards, s.CacheConfigs)
	}
	for _, name := range slices.Sorted(maps.Keys(raw)) {
		s.Unknown = append(s.Unknown, Field{Name: name, Value: string(raw[name])})
	}
	return s, 0, nil
}
