package replsim

import "slices"

// VersionsDoc is a document of the collection versions.
type VersionsDoc struct {
	ID              string
	Version         int64
	PreviousVersion int64
	MigrationStatus string
}

// ShardingData is what the database sharding of an ADMIN set holds, as far as the guide's three writes touch it
// (cps:924-945). Values are never changed in place.
type ShardingData struct {
	CacheConfigs    int   // documents in cache_config
	MigratingShards int   // of these, how many have the field migratingShards
	HasConfig       bool  // whether config has the document with _id 1
	ConfigVersion   int64 // its version
	Versions        []VersionsDoc
}

// DefaultShardingData is the database of a set in which a migration was under way when the upgrade began.
func DefaultShardingData() ShardingData {
	return ShardingData{
		CacheConfigs: 1, MigratingShards: 1, HasConfig: true, ConfigVersion: 4,
		Versions: []VersionsDoc{{ID: "cache_config", Version: 7, PreviousVersion: 6, MigrationStatus: "MIGRATING"}},
	}
}

// Sharding reads the database from the copy of one member.
func (s *Set) Sharding(host string) (ShardingData, error) {
	i, err := s.running(host)
	if err != nil {
		return ShardingData{}, err
	}
	d := s.procs[i].docs.sharding
	d.Versions = slices.Clone(d.Versions)
	return d, nil
}

// SetSharding replaces the database on every member that holds data: the state before a scenario begins.
func (s *Set) SetSharding(d ShardingData) {
	d.Versions = slices.Clone(d.Versions)
	for i := range s.procs {
		if s.procs[i].data {
			s.procs[i].docs.sharding = d
		}
	}
}

// write runs one write on the database sharding of the primary at host.
func (s *Set) write(host string, edit func(*ShardingData) error) error {
	return s.writeDocuments(host, func(d *documents) error {
		d.sharding.Versions = slices.Clone(d.sharding.Versions)
		return edit(&d.sharding)
	})
}

// UnsetMigratingShards is updateMany({}, {$unset: {migratingShards: 1}}) on cache_config; it gives the documents changed.
func (s *Set) UnsetMigratingShards(host string) (changed int, err error) {
	err = s.write(host, func(d *ShardingData) error {
		changed, d.MigratingShards = d.MigratingShards, 0
		return nil
	})
	return changed, err
}

// IncConfigVersion is update({_id: 1}, {$inc: {version: 1}}) on config, with {version: *onlyIf} in the filter where
// given; it gives the documents that matched.
func (s *Set) IncConfigVersion(host string, onlyIf *int64) (matched int, err error) {
	err = s.write(host, func(d *ShardingData) error {
		if d.HasConfig && (onlyIf == nil || *onlyIf == d.ConfigVersion) {
			d.ConfigVersion++
			matched = 1
		}
		return nil
	})
	return matched, err
}

// RemoveVersions is remove({}) on versions; it gives the documents removed.
func (s *Set) RemoveVersions(host string) (removed int, err error) {
	err = s.write(host, func(d *ShardingData) error {
		removed, d.Versions = len(d.Versions), nil
		return nil
	})
	return removed, err
}

// InsertVersions is insert(doc) on versions.
func (s *Set) InsertVersions(host string, doc VersionsDoc) error {
	return s.write(host, func(d *ShardingData) error {
		for _, v := range d.Versions {
			if v.ID == doc.ID {
				return refuse(CodeDuplicateKey, "E11000 duplicate key error collection: sharding.versions _id: %q", doc.ID)
			}
		}
		d.Versions = append(d.Versions, doc)
		return nil
	})
}
