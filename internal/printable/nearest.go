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

// Distance is how many bytes have to be put in, left out or changed to make b of a.
func Distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			changed := diagonal
			if a[i] != b[j] {
				changed++
			}
			diagonal = row[j+1]
			row[j+1] = min(changed, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
