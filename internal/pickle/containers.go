package pickle

import (
	"fmt"
)

func doList(m *machine) error {
	items, err := m.popMark()
	if err != nil {
		return err
	}
	return m.make(&list{items})
}

func doTuple(m *machine) error {
	items, err := m.popMark()
	if err != nil {
		return err
	}
	return m.make(items)
}

func doTupleOf(n int) func(*machine) error {
	return func(m *machine) error {
		items, err := m.popN(n)
		if err != nil {
			return err
		}
		return m.make(items)
	}
}

func doDict(m *machine) error {
	items, err := m.popMark()
	if err != nil {
		return err
	}
	d := &dict{}
	if err := setItems(d, items); err != nil {
		return err
	}
	return m.make(d)
}

func doAppend(m *machine) error {
	items, err := m.popN(1)
	if err != nil {
		return err
	}
	return m.extend(items)
}

func doAppends(m *machine) error {
	items, err := m.popMark()
	if err != nil {
		return err
	}
	return m.extend(items)
}

// extend puts items at the end of the list on top of the stack.
func (m *machine) extend(items tuple) error {
	v, err := m.top()
	if err != nil {
		return err
	}
	l, ok := v.(*list)
	if !ok {
		return fmt.Errorf("have %s, want a list", kind(v))
	}
	l.items = append(l.items, items...)
	return nil
}

func doSetItem(m *machine) error {
	items, err := m.popN(2)
	if err != nil {
		return err
	}
	return m.update(items)
}

func doSetItems(m *machine) error {
	items, err := m.popMark()
	if err != nil {
		return err
	}
	return m.update(items)
}

// update puts keys and values into the dict on top of the stack.
func (m *machine) update(items tuple) error {
	v, err := m.top()
	if err != nil {
		return err
	}
	d, ok := v.(*dict)
	if !ok {
		return fmt.Errorf("have %s, want a dict", kind(v))
	}
	return setItems(d, items)
}

// setItems puts keys and values in turn into a dict.
func setItems(d *dict, items tuple) error {
	if len(items)%2 != 0 {
		return fmt.Errorf("have %d keys and values, want as many of both", len(items))
	}
	for i := 0; i < len(items); i += 2 {
		d.set(items[i], items[i+1])
	}
	return nil
}

func doPut(size int) func(*machine) error {
	return func(m *machine) error {
		i, err := m.uint(size)
		if err != nil {
			return err
		}
		return m.remember(uint32(i))
	}
}

func doMemoize(m *machine) error {
	return m.remember(uint32(len(m.memo)))
}

// remember keeps the value on top of the stack.
func (m *machine) remember(i uint32) error {
	v, err := m.top()
	if err != nil {
		return err
	}
	if err := m.count(1); err != nil {
		return err
	}
	m.memo[i] = v
	return nil
}

func doGet(size int) func(*machine) error {
	return func(m *machine) error {
		i, err := m.uint(size)
		if err != nil {
			return err
		}
		v, ok := m.memo[uint32(i)]
		if !ok {
			return fmt.Errorf("there is no number %d in the memo", i)
		}
		return m.push(v)
	}
}
