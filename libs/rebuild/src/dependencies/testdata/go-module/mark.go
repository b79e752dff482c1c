// Package mark marks bytes.
package mark

// Of returns a mark of some bytes.
func Of(bytes []byte) uint64 {
	hash := uint64(14695981039346656037)
	for _, value := range bytes {
		hash = (hash ^ uint64(value)) * 1099511628211
	}
	return hash
}
