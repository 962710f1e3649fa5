package mongo

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/evenkeel-ha/evenkeel/internal/op"
)

// Read gives the state of the set's database sharding, from its primary. It changes nothing.
func (f ShardingFix) Read(ctx context.Context, r *ReplicaSet) (ShardingState, error) {
	host, err := f.primary(ctx, r)
	if err != nil {
		return ShardingState{}, err
	}
	s := ShardingState{Set: r.name, Primary: host}
	caches, err := f.all(ctx, r, host, "cache_config", bson.D{{Key: "migratingShards", Value: bson.D{{Key: "$exists", Value: true}}}})
	if err != nil {
		return s, err
	}
	s.MigratingShards = int64(len(caches))
	if caches, err = f.all(ctx, r, host, "cache_config", bson.D{}); err != nil {
		return s, err
	}
	s.CacheConfigs = int64(len(caches))
	configs, err := f.all(ctx, r, host, "config", bson.D{{Key: "_id", Value: 1}})
	if err != nil {
		return s, err
	}
	if len(configs) > 0 {
		n, ok := number(configs[0].Lookup("version"))
		if !ok {
			return s, fmt.Errorf("%s: the document with _id 1 in %s.config has no version", host, ShardingDatabase)
		}
		s.HasConfig, s.ConfigVersion = true, int64(n)
	}
	versions, err := f.all(ctx, r, host, "versions", bson.D{})
	if err != nil {
		return s, err
	}
	s.Versions = []VersionsDoc{}
	for _, d := range versions {
		v, err := versionsDoc(d)
		if err != nil {
			return s, fmt.Errorf("%s: %w", host, err)
		}
		s.Versions = append(s.Versions, v)
	}
	slices.SortFunc(s.Versions, func(a, b VersionsDoc) int { return compareStrings(a.ID, b.ID) })
	return s, nil
}

func compareStrings(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func versionsDoc(d bson.Raw) (v VersionsDoc, err error) {
	id, ok := d.Lookup("_id").StringValueOK()
	if !ok {
		return v, fmt.Errorf("cannot read a document of %s.versions: its _id is no string", ShardingDatabase)
	}
	v.ID = id
	for name, into := range map[string]*int64{"version": &v.Version, "previousVersion": &v.PreviousVersion} {
		n, ok := number(d.Lookup(name))
		if !ok && len(d.Lookup(name).Value) > 0 {
			return v, fmt.Errorf("cannot read the document %q of %s.versions: %s is no number", id, ShardingDatabase, name)
		}
		*into = int64(n)
	}
	v.MigrationStatus, _ = d.Lookup("migrationStatus").StringValueOK()
	return v, nil
}

// primary is the primary of the right set.
func (f ShardingFix) primary(ctx context.Context, r *ReplicaSet) (string, error) {
	if r == nil {
		return "", errors.New("there is no replica set to write to")
	}
	if f.Set != "" && f.Set != r.name {
		return "", fmt.Errorf("the fix is for the set %s and this is %s", f.Set, r.name)
	}
	return r.Primary(ctx)
}

// manyDocuments is more than a CPS has in any of the three collections.
const manyDocuments = 1000

func (f ShardingFix) all(ctx context.Context, r *ReplicaSet, host, coll string, filter bson.D) ([]bson.Raw, error) {
	docs, err := r.find(ctx, host, ShardingDatabase, bson.D{
		{Key: "find", Value: coll}, {Key: "filter", Value: filter}, {Key: "limit", Value: manyDocuments},
		{Key: "batchSize", Value: manyDocuments},
		{Key: "singleBatch", Value: true},
	})
	if err == nil && len(docs) == manyDocuments {
		err = fmt.Errorf("%s: %s.%s holds %d documents or more: this is no CPS sharding configuration", host,
			ShardingDatabase, coll, manyDocuments)
	}
	return docs, err
}

// Do makes one write, on the primary: once, whatever the answer. When the error's outcome is [op.Unknown], Read and
// [ShardingStep.Probe] tell.
func (f ShardingFix) Do(ctx context.Context, r *ReplicaSet, s ShardingStep) error {
	host, err := f.primary(ctx, r)
	if err != nil {
		return err
	}
	if s.Before.Set != r.name {
		return fmt.Errorf("the step was made for the set %s and this is %s", s.Before.Set, r.name)
	}
	var waiting error
	for _, cmd := range f.commands(s) {
		_, err := r.RunCommand(ctx, host, ShardingDatabase, append(cmd, f.writeConcern()))
		if HasCode(err, CodeWriteConcernFailed) { // done on the primary: the removal must not stay without its insertion
			waiting = err
		} else if err != nil {
			return err
		}
	}
	return waiting
}

// commands are what a step sends; none where there is nothing to change.
func (f ShardingFix) commands(s ShardingStep) []bson.D {
	update := func(coll string, filter, change bson.D, multi bool) bson.D {
		return bson.D{{Key: "update", Value: coll}, {Key: "updates", Value: bson.A{bson.D{
			{Key: "q", Value: filter}, {Key: "u", Value: change}, {Key: "multi", Value: multi}, {Key: "upsert", Value: false},
		}}}}
	}
	switch s.Op {
	case UnsetMigratingShards:
		return []bson.D{update("cache_config", bson.D{}, bson.D{{Key: "$unset", Value: bson.D{{Key: "migratingShards", Value: 1}}}}, true)}
	case BumpConfigVersion:
		if !s.Before.HasConfig {
			return nil
		}
		return []bson.D{update("config", bson.D{{Key: "_id", Value: 1}, {Key: "version", Value: s.Before.ConfigVersion}},
			bson.D{{Key: "$inc", Value: bson.D{{Key: "version", Value: 1}}}}, false)}
	case ReplaceVersions:
		return []bson.D{
			{{Key: "delete", Value: "versions"}, {Key: "deletes", Value: bson.A{bson.D{{Key: "q", Value: bson.D{}}, {Key: "limit", Value: 0}}}}},
			{{Key: "insert", Value: "versions"}, {Key: "documents", Value: bson.A{bson.D{
				{Key: "_id", Value: CompleteVersions.ID}, {Key: "version", Value: int32(0)}, {Key: "previousVersion", Value: int32(0)},
				{Key: "migrationStatus", Value: CompleteVersions.MigrationStatus},
			}}}},
		}
	}
	return nil
}

func (f ShardingFix) writeConcern() bson.E {
	wc := bson.D{{Key: "w", Value: 1}, {Key: "j", Value: true}}
	if f.Majority > 0 {
		wc = bson.D{{Key: "w", Value: "majority"}, {Key: "wtimeout", Value: f.Majority.Milliseconds()}}
	}
	return bson.E{Key: "writeConcern", Value: wc}
}

// Apply makes the whole repair on one set, from wherever an earlier run has left it. Before is the state that the
// earlier run recorded, nil for the first run: it is read then, and given to record, which must have it on disk when it
// returns; nothing is written before. Every write is probed for first and looked at afterwards; one whose answer was
// lost is probed again and made again where it did not take effect, Options.Attempts times at most. With Majority it
// ends when a majority of the members has the writes, or in [ErrNotReplicated] after that time. See [ShardingFix] for
// why the version counts up exactly once.
func (f ShardingFix) Apply(ctx context.Context, r *ReplicaSet, before *ShardingState, record func(ShardingState) error) error {
	if before == nil {
		s, err := f.Read(ctx, r)
		if err != nil {
			return err
		}
		if err := record(s); err != nil {
			return fmt.Errorf("replica set %s: nothing was written, since the state before could not be recorded: %w", r.name, err)
		}
		before = &s
	}
	for _, step := range f.Steps(*before) {
		if err := f.applyStep(ctx, r, step); err != nil {
			return fmt.Errorf("replica set %s: %v (%s): %w", r.name, step.Op, step.Guide, err)
		}
	}
	return f.awaitMajority(ctx, r)
}

// ErrNotReplicated says that the writes are on the primary and not on a majority of the members: a failover may still undo them.
var ErrNotReplicated = errors.New("no majority of the members has the writes yet")

// awaitMajority waits until a majority of the voters has everything that the primary has now, for f.Majority at most.
// It asks the status, since what a write concern says is lost with the answer, and a resumed run makes no write to ask
// by.
func (f ShardingFix) awaitMajority(ctx context.Context, r *ReplicaSet) error {
	var goal *OpTime
	for left := f.Majority; left > 0; left -= r.opt.Poll {
		c, err := r.configWithPrimary(ctx)
		if err != nil {
			return err
		}
		s, err := r.Status(ctx)
		if err != nil {
			return err
		}
		if p, ok := s.Primary(); ok && goal == nil {
			goal = &p.Optime
		}
		votes := 0
		for _, m := range c.Members {
			if st, ok := s.Member(m.Host); ok && goal != nil && st.Healthy() && st.State.HoldsData() && !st.Optime.before(*goal) {
				votes += m.Votes
			}
		}
		if votes >= c.Majority() {
			return nil
		}
		if err := r.pause(ctx, fmt.Sprintf("members with %d votes have the writes, and %d are needed", votes, c.Majority())); err != nil {
			return err
		}
	}
	if f.Majority > 0 {
		return fmt.Errorf("replica set %s: %w, after %v", r.name, ErrNotReplicated, f.Majority)
	}
	return nil
}

func (f ShardingFix) applyStep(ctx context.Context, r *ReplicaSet, step ShardingStep) error {
	var last error
	for range r.opt.Attempts + 1 { // the last look is no attempt
		now, err := f.readWithPrimary(ctx, r)
		if err != nil {
			return errors.Join(err, last)
		}
		done, err := step.Probe(now)
		if done || err != nil {
			return err
		}
		r.tell("%v (%s)", step.Op, step.Guide)
		last = f.Do(ctx, r, step)
		var refused *CommandError
		switch {
		case last == nil, errors.Is(last, ErrNoPrimary), transient(last): // the probe tells
		case errors.As(last, &refused) && refused.Outcome == op.Exited && refused.Code == CodeDuplicateKey: // another run was faster
		default:
			return last
		}
	}
	if last == nil {
		last = errors.New("it was made and is not there")
	}
	return fmt.Errorf("gave up after %d attempts: %w", r.opt.Attempts, last)
}

// readWithPrimary is Read, waiting for a primary if need be.
func (f ShardingFix) readWithPrimary(ctx context.Context, r *ReplicaSet) (s ShardingState, err error) {
	err = r.until(ctx, func() (bool, string, error) {
		s, err = f.Read(ctx, r)
		switch {
		case err == nil:
			return true, "", nil
		case errors.Is(err, ErrNoPrimary) || transient(err):
			return false, "a primary: " + err.Error(), nil
		}
		return false, "", err
	})
	return s, err
}
