package printable

// Nearest is the one of the known words that a word comes nearest to; the first of several, and empty where there is
// none.
func Nearest(word string, known []string) (nearest string) {
	best := 0
	for i, k := range known {
		if d := Distance(word, k); i == 0 || d < best {
			nearest, best = k, d
		}
	}
	return nearest
}

// Distance is how many bytes have to be put in, left out or changed, or neighbours swapped, to make b of a.
func Distance(a, b string) int {
	before, row := []int(nil), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		next := make([]int, len(b)+1)
		next[0] = i + 1
		for j := range len(b) {
			changed := row[j]
			if a[i] != b[j] {
				changed++
			}
			next[j+1] = min(changed, row[j+1]+1, next[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}
