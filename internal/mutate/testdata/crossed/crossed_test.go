package crossed

import "testing"

var before int

func TestOne(t *testing.T) { once(t) }
func TestTwo(t *testing.T) { once(t) }

// once fails after another test.
func once(t *testing.T) {
	if before += len(Word(0)); before > len("none") {
		t.Error("another test was here")
	}
}
