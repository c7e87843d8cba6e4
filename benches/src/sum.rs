//! The sum over everything that was read from a message. Equal sums: the same values were read.

/// What a value is; the same number counts differently as a MED and as a community.
#[derive(Clone, Copy, Debug)]
#[repr(u64)]
#[expect(missing_docs, reason = "their names say it; the numbers are arbitrary and odd")]
pub enum What {
    Announced = 0x9e37_79b9_7f4a_7c15,
    Withdrawn = 0xbf58_476d_1ce4_e5b9,
    Family = 0x94d0_49bb_1331_11eb,
    MpNextHop = 0xd6e8_feb8_6659_fd93,
    Origin = 0xa076_1d64_78bd_642f,
    Segment = 0xe703_7ed1_a0b4_28db,
    Asn = 0x8ebc_6af0_9c88_c6e3,
    NextHop = 0x5899_65cc_7537_4cc3,
    Med = 0x1d8e_4e27_c47d_124f,
    LocalPref = 0xeb44_acca_b455_d165,
    AtomicAggregate = 0x9f6c_3e33_9f7a_4e8d,
    Aggregator = 0xc2b2_ae3d_27d4_eb4f,
    Community = 0x1656_67b1_9e37_79f9,
    ExtendedCommunities = 0x27d4_eb2f_1656_67c5,
    LargeCommunity = 0x85eb_ca77_c2b2_ae63,
    Originator = 0xff51_afd7_ed55_8ccd,
    Cluster = 0xc4ce_b9fe_1a85_ec53,
    Open = 0x2545_f491_4f6c_dd1d,
    Capability = 0x369d_ea0f_31a5_3f85,
}

/// A sum in which the order does not matter: one crate keeps communities sorted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sum(u64);

impl Sum {
    /// Adds a value.
    #[inline(always)]
    pub fn add(&mut self, what: What, value: impl Into<u64>) {
        self.0 = self.0.wrapping_add(value.into().wrapping_mul(what as u64));
    }

    /// Adds a value of 128 bits.
    #[inline(always)]
    pub fn add_wide(&mut self, what: What, value: u128) {
        self.add(what, ((value >> 64) as u64) ^ (value as u64).rotate_left(17));
    }

    /// Adds a prefix of either width.
    #[inline(always)]
    pub fn prefix(&mut self, what: What, bits: impl Into<u128>, len: u8) {
        self.add_wide(what, bits.into().rotate_left(8) ^ u128::from(len));
    }

    /// Adds a family.
    #[inline(always)]
    pub fn family(&mut self, what: What, afi: u16, safi: u8) {
        self.add(what, u64::from(afi) << 8 | u64::from(safi));
    }

    /// Adds the kind and the length of a path segment.
    #[inline(always)]
    pub fn segment(&mut self, kind: u8, count: usize) {
        self.add(What::Segment, u64::from(kind) << 8 | count as u64);
    }

    /// Adds a large community.
    #[inline(always)]
    pub fn large(&mut self, admin: u32, first: u32, second: u32) {
        self.add(What::LargeCommunity, u64::from(admin) << 32 | u64::from(first));
        self.add(What::LargeCommunity, second);
    }

    /// The sum.
    #[inline(always)]
    pub fn value(self) -> u64 {
        self.0
    }
}
