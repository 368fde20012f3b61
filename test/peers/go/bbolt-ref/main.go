// Command bbolt-ref writes, merges and lists bbolt files with bbolt's own code.
//
//	bbolt-ref make OUT PAGE_SIZE [unsynced]   a file with nested buckets, large values, free pages and a history
//	bbolt-ref list FILE                       each bucket and each key with its value, in hexadecimal
//	bbolt-ref merge BASE OWN OUT              the entries of both, OWN first where both have a key, in one sorted pass
package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	bolt "go.etcd.io/bbolt"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bbolt-ref:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) >= 3 && args[0] == "make":
		return makeFile(args[1], args[2], len(args) > 3)
	case len(args) == 2 && args[0] == "list":
		return list(args[1])
	case len(args) == 4 && args[0] == "merge":
		return merge(args[1], args[2], args[3])
	}
	return errors.New("usage: bbolt-ref make OUT PAGE_SIZE [unsynced] | list FILE | merge BASE OWN OUT")
}

func makeFile(out, size string, unsynced bool) error {
	pageSize, err := strconv.Atoi(size)
	if err != nil {
		return err
	}
	db, err := bolt.Open(out, 0o600, &bolt.Options{PageSize: pageSize, NoFreelistSync: unsynced, NoSync: true})
	if err != nil {
		return err
	}
	for round := range 4 {
		if err := db.Update(func(tx *bolt.Tx) error { return change(tx, round) }); err != nil {
			return err
		}
	}
	return db.Close()
}

// change adds to the file and removes from it, so that pages become free and the older meta is of another state.
func change(tx *bolt.Tx, round int) error {
	for _, root := range []string{"eco::a", "eco::b", "empty", "vulnerability"} {
		bucket, err := tx.CreateBucketIfNotExists([]byte(root))
		if err != nil {
			return err
		}
		switch root {
		case "vulnerability":
			err = fill(bucket, round, 30)
		case "empty":
			err = bucket.SetSequence(uint64(round))
		default:
			err = fillPackages(bucket, round)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func fillPackages(bucket *bolt.Bucket, round int) error {
	for i := range 12 {
		name := fmt.Appendf(nil, "pkg-%02d", i)
		if round == 3 && i%4 == 3 {
			if err := bucket.DeleteBucket(name); err != nil {
				return err
			}
			continue
		}
		nested, err := bucket.CreateBucketIfNotExists(name)
		if err != nil {
			return err
		}
		count := 2
		if i == 5 {
			count = 60
		}
		if err := fill(nested, round, count); err != nil {
			return err
		}
	}
	return nil
}

func fill(bucket *bolt.Bucket, round, count int) error {
	for i := range count {
		value := bytes.Repeat([]byte{byte('a' + round)}, 20+10*(i%5))
		if i == 7 {
			value = bytes.Repeat(value, 400)
		}
		if err := bucket.Put(fmt.Appendf(nil, "id-%03d-%d", i, round%2), value); err != nil {
			return err
		}
	}
	return nil
}

func list(path string) error {
	db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true})
	if err != nil {
		return err
	}
	defer db.Close()
	out := bufio.NewWriter(os.Stdout)
	var visit func(path string, bucket *bolt.Bucket) error
	visit = func(path string, bucket *bolt.Bucket) error {
		if key, _ := bucket.Cursor().First(); key == nil {
			fmt.Fprintf(out, "%s {}\n", path)
		}
		return bucket.ForEach(func(key, value []byte) error {
			name := fmt.Sprintf("%s/%x", path, key)
			if nested := bucket.Bucket(key); nested != nil {
				return visit(name, nested)
			}
			_, err := fmt.Fprintf(out, "%s=%x\n", name, value)
			return err
		})
	}
	err = db.View(func(tx *bolt.Tx) error {
		return tx.ForEach(func(name []byte, bucket *bolt.Bucket) error { return visit(fmt.Sprintf("%x", name), bucket) })
	})
	return errors.Join(err, out.Flush())
}

// perTransaction is how many bytes are written in one, as `bbolt compact` does.
const perTransaction = 65536

type merger struct {
	db   *bolt.DB
	tx   *bolt.Tx
	size int
}

func merge(base, own, out string) (err error) {
	var dbs [2]*bolt.DB
	for i, path := range []string{base, own} {
		if dbs[i], err = bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true}); err != nil {
			return err
		}
		defer dbs[i].Close()
	}
	db, err := bolt.Open(out, 0o600, &bolt.Options{NoSync: true})
	if err != nil {
		return err
	}
	m := &merger{db: db}
	if m.tx, err = db.Begin(true); err != nil {
		return err
	}
	err = dbs[0].View(func(a *bolt.Tx) error {
		return dbs[1].View(func(b *bolt.Tx) error { return m.merge(nil, a.Cursor(), b.Cursor()) })
	})
	if err != nil {
		return err
	}
	return errors.Join(m.tx.Commit(), db.Close())
}

// merge copies what is below two cursors; either may be nil.
func (m *merger) merge(path [][]byte, a, b *bolt.Cursor) error {
	ka, va := first(a)
	kb, vb := first(b)
	for ka != nil || kb != nil {
		order := compare(ka, kb)
		key, value, nestedA, nestedB := ka, va, a, b
		if order > 0 {
			nestedA = nil
		}
		if order < 0 {
			nestedB = nil
		}
		if order >= 0 {
			key, value = kb, vb
		}
		if err := m.put(path, key, value, nestedA, nestedB); err != nil {
			return err
		}
		if order <= 0 {
			ka, va = a.Next()
		}
		if order >= 0 {
			kb, vb = b.Next()
		}
	}
	return nil
}

func (m *merger) put(path [][]byte, key, value []byte, a, b *bolt.Cursor) (err error) {
	m.size += len(key) + len(value)
	if m.size > perTransaction {
		if err = m.tx.Commit(); err != nil {
			return err
		}
		if m.tx, err = m.db.Begin(true); err != nil {
			return err
		}
		m.size = 0
	}
	if value != nil {
		bucket := m.tx.Bucket(path[0])
		for _, name := range path[1:] {
			bucket = bucket.Bucket(name)
		}
		bucket.FillPercent = 1
		return bucket.Put(key, value)
	}
	if len(path) == 0 {
		_, err = m.tx.CreateBucket(key)
	} else {
		bucket := m.tx.Bucket(path[0])
		for _, name := range path[1:] {
			bucket = bucket.Bucket(name)
		}
		bucket.FillPercent = 1
		_, err = bucket.CreateBucket(key)
	}
	if err != nil {
		return err
	}
	return m.merge(append(path[:len(path):len(path)], key), nested(a, key), nested(b, key))
}

func nested(cursor *bolt.Cursor, name []byte) *bolt.Cursor {
	if cursor == nil {
		return nil
	}
	return cursor.Bucket().Bucket(name).Cursor()
}

func first(cursor *bolt.Cursor) (key, value []byte) {
	if cursor == nil {
		return nil, nil
	}
	return cursor.First()
}

// compare orders keys; one that is nil comes after all others.
func compare(a, b []byte) int {
	if a == nil {
		return 1
	}
	if b == nil {
		return -1
	}
	return strings.Compare(string(a), string(b))
}
