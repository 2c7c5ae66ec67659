//! A table of keys of [`KEY_BITS`] bits, made so that a look at it is one look at memory.
//!
//! A key's upper bits say in which bucket it is, so only its lower bits are kept there (quotienting). A bucket is a
//! cache line, and is compared as a whole. What does not fit into its bucket is the caller's to keep.

use std::ops::Range;

use fearless_simd::prelude::*;
use fearless_simd::{Level, dispatch, u16x32, u32x16};
use prefetch_index::prefetch_index;

/// How many bits a key has.
pub(super) const KEY_BITS: u32 = 33;

/// What is kept of a key. 0 is an empty place, so one more than the lower bits is kept.
pub(super) trait Lane: Copy + Eq + Into<u64> {
    const EMPTY: Self;
    /// The most bits of a key that can be kept.
    const BITS: u32;

    fn of(lower: u64) -> Self;
    /// A lane of a table with smaller ones: what does not fit is lost.
    fn narrowed(lane: u64) -> Self;
    fn lower(self) -> u64;

    /// A bit for each lane of a bucket that is this one, the lowest for the first.
    fn same<S: Simd>(self, simd: S, lanes: &[Self]) -> u64;

    /// The lanes of a bucket that have this bit, and those that have it not, without it, each from the first place on.
    fn halves<S: Simd>(simd: S, lanes: &[Self], bit: u32, halves: [&mut [Self]; 2]);
}

macro_rules! lane {
    ($type:ty, $vector:ident) => {
        impl Lane for $type {
            const EMPTY: Self = 0;
            const BITS: u32 = Self::BITS - 1;

            #[inline]
            #[expect(clippy::cast_possible_truncation, reason = "the caller keeps to BITS")]
            fn of(lower: u64) -> Self {
                lower as Self + 1
            }

            #[inline(always)]
            #[expect(clippy::cast_possible_truncation, reason = "the caller keeps to BITS")]
            fn narrowed(lane: u64) -> Self {
                lane as Self
            }

            #[inline]
            fn lower(self) -> u64 {
                u64::from(self) - 1
            }

            #[inline(always)]
            fn same<S: Simd>(self, simd: S, lanes: &[Self]) -> u64 {
                let lanes = $vector::from_slice(simd, lanes);
                lanes.simd_eq($vector::splat(simd, self)).to_bitmask()
            }

            #[inline(always)]
            fn halves<S: Simd>(
                simd: S,
                lanes: &[Self],
                bit: u32,
                [without, with]: [&mut [Self]; 2],
            ) {
                let splat = |value| $vector::splat(simd, value);
                let lanes = $vector::from_slice(simd, lanes);
                let bit = 1 << bit;
                let is_empty = lanes.simd_eq(splat(Self::EMPTY));
                let lower = lanes - splat(1);
                let is_without = (lower & splat(bit)).simd_eq(splat(0));
                let lanes = (lower & splat(bit - 1)) + splat(1);
                // What is behind them is 0, so it is empty.
                lanes.compress(is_without & !is_empty).store_slice(without);
                lanes.compress(!is_without & !is_empty).store_slice(with);
            }
        }
    };
}

lane!(u16, u16x32);
lane!(u32, u32x16);

/// A cache line.
#[derive(Clone)]
#[repr(align(64))]
struct Bucket<L, const N: usize>([L; N]);

/// Buckets of `N` lanes, two to the power of `bits` of them.
#[derive(Clone)]
pub(super) struct Table<L, const N: usize> {
    buckets: Vec<Bucket<L, N>>,
    bits: u32,
    len: usize,
}

/// What came of putting a key into a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Put {
    Added,
    WasThere,
    /// Its bucket is full, and it is not in it.
    NoRoom,
}

/// Whether a key is in a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    Yes,
    No,
    /// Not in its bucket, but that is full.
    Elsewhere,
}

impl<L: Lane, const N: usize> Table<L, N> {
    /// How many buckets there must be, as a power of two, for a key to fit into a lane.
    pub(super) const LEAST_BITS: u32 = KEY_BITS - L::BITS;

    pub(super) fn new(bits: u32) -> Self {
        debug_assert!((Self::LEAST_BITS..=KEY_BITS).contains(&bits));
        Self {
            buckets: vec![Bucket([L::EMPTY; N]); 1 << bits],
            bits,
            len: 0,
        }
    }

    /// Whether it should be larger: five places in eight are taken. More buckets would be full, and a look at what
    /// is elsewhere takes longer.
    #[inline]
    pub(super) const fn is_crowded(&self) -> bool {
        self.len >= self.buckets.len() * (N * 5 / 8)
    }

    pub(super) const fn bits(&self) -> u32 {
        self.bits
    }

    pub(super) const fn bytes(&self) -> usize {
        self.buckets.len() * size_of::<Bucket<L, N>>()
    }

    #[inline]
    fn place(&self, key: u64) -> (usize, L) {
        Self::place_of(key, self.bits)
    }

    #[inline]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "at most KEY_BITS, and as many buckets"
    )]
    fn place_of(key: u64, bits: u32) -> (usize, L) {
        let shift = KEY_BITS - bits;
        let lower = key & ((1 << shift) - 1);
        ((key >> shift) as usize, L::of(lower))
    }

    /// The same keys in twice as many buckets, which are no smaller.
    // A bucket's keys go to two neighbours, so nothing is looked for and everything fits.
    pub(super) fn doubled<M: Lane, const K: usize>(&self) -> Table<M, K> {
        const { assert!(K >= N) };
        let bits = self.bits + 1;
        let mut buckets = Vec::with_capacity(2 * self.buckets.len());
        dispatch!(Level::new(), simd => {
            for bucket in &self.buckets {
                let (mut without, mut with) = ([L::EMPTY; N], [L::EMPTY; N]);
                L::halves(simd, &bucket.0, KEY_BITS - bits, [&mut without, &mut with]);
                for half in [without, with] {
                    let mut larger = [M::EMPTY; K];
                    for (lane, smaller) in larger.iter_mut().zip(half) {
                        *lane = M::narrowed(smaller.into());
                    }
                    buckets.push(Bucket(larger));
                }
            }
        });
        Table {
            buckets,
            bits,
            len: self.len,
        }
    }

    #[inline]
    pub(super) fn find(&self, key: u64) -> Found {
        let (bucket, lane) = self.place(key);
        let lanes = &self.buckets[bucket].0;
        let same = dispatch!(Level::baseline(), simd => lane.same(simd, lanes));
        if same != 0 {
            Found::Yes
        } else if lanes[N - 1] == L::EMPTY {
            Found::No
        } else {
            Found::Elsewhere
        }
    }

    /// In which bucket a key is.
    #[inline]
    pub(super) fn bucket(&self, key: u64) -> usize {
        self.place(key).0
    }

    /// Looks into a bucket, so that it is in the cache soon.
    #[inline]
    pub(super) fn look(&self, bucket: usize) -> u64 {
        u64::from(self.buckets[bucket].0[0] == L::EMPTY)
    }

    /// Has a key's bucket brought into the cache, and does not wait for it.
    #[inline(always)]
    pub(super) fn prefetch(&self, key: u64) {
        prefetch_index(&self.buckets, self.bucket(key));
    }

    #[inline(always)]
    pub(super) fn insert(&mut self, key: u64) -> Put {
        dispatch!(Level::new(), simd => self.insert_with(simd, key))
    }

    #[inline(always)]
    fn insert_with<S: Simd>(&mut self, simd: S, key: u64) -> Put {
        let (bucket, lane) = self.place(key);
        let lanes = &mut self.buckets[bucket].0;
        if lane.same(simd, lanes) != 0 {
            return Put::WasThere;
        }
        // The places are filled from the first one on.
        let taken = L::EMPTY.same(simd, lanes).trailing_zeros() as usize;
        match lanes.get_mut(taken) {
            Some(free) => {
                *free = lane;
                self.len += 1;
                Put::Added
            }
            None => Put::NoRoom,
        }
    }

    /// All keys of a key's bucket.
    pub(super) const fn bucket_of(&self, key: u64) -> Range<u64> {
        let shift = KEY_BITS - self.bits;
        let bucket = key >> shift;
        bucket << shift..(bucket + 1) << shift
    }

    /// Says whether it was there. What did not fit into its bucket now does.
    pub(super) fn remove(&mut self, key: u64) -> bool {
        let (bucket, lane) = self.place(key);
        let lanes = &mut self.buckets[bucket].0;
        let Some(at) = lanes.iter().position(|&there| there == lane) else {
            return false;
        };
        let taken = lanes.iter().filter(|&&there| there != L::EMPTY).count();
        lanes[at] = lanes[taken - 1];
        lanes[taken - 1] = L::EMPTY;
        self.len -= 1;
        true
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = u64> {
        let shift = KEY_BITS - self.bits;
        self.buckets
            .iter()
            .zip(0_u64..)
            .flat_map(move |(bucket, number)| {
                let taken = bucket.0.iter().take_while(|&&lane| lane != L::EMPTY);
                taken.map(move |lane| number << shift | lane.lower())
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Puts full buckets into a larger table: one whose keys all go to the same half, and one whose keys go to both.
    fn full_buckets_are_split<L: Lane, const N: usize, M: Lane, const K: usize>() {
        let bits = Table::<M, K>::LEAST_BITS.max(Table::<L, N>::LEAST_BITS + 1) - 1;
        let shift = KEY_BITS - bits;
        let mut table = Table::<L, N>::new(bits);
        let upper_half = (0_u64..).map(|lane| 1 << shift | 1 << (shift - 1) | lane);
        let both = (0_u64..).map(|lane| 2 << shift | (lane % 2) << (shift - 1) | lane);
        let keys: Vec<_> = upper_half.take(N).chain(both.take(N)).collect();
        for &key in &keys {
            assert_eq!(table.insert(key), Put::Added);
        }
        assert_eq!(
            table.insert(1 << shift | 1 << (shift - 1) | 99),
            Put::NoRoom
        );

        let larger: Table<M, K> = table.doubled();
        assert_eq!((larger.bits, larger.len), (bits + 1, keys.len()));
        assert!(keys.iter().all(|&key| larger.find(key) == Found::Yes));
        let mut found: Vec<_> = larger.keys().collect();
        found.sort_unstable();
        let mut expected = keys;
        expected.sort_unstable();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_full_bucket_loses_nothing_when_the_table_is_doubled() {
        full_buckets_are_split::<u32, 16, u32, 16>();
        full_buckets_are_split::<u32, 16, u16, 32>();
        full_buckets_are_split::<u16, 32, u16, 32>();
    }
}
