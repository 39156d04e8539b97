//! What lies behind an address: the world, or something that only this machine or its network should reach.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What an address belongs to. Only [`AddressKind::Public`] may be reached without the operator's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressKind {
    /// Anybody's.
    Public,
    /// This machine, also as the unspecified address, which systems take for it.
    Loopback,
    /// A network of one's own, with those of carriers and IPv6's unique local ones.
    Private,
    /// The network segment alone; clouds answer with credentials there.
    LinkLocal,
    /// Addressed to many, kept back by a standard, or an unknown embedding: nothing a server lives at.
    Reserved,
}

impl fmt::Display for AddressKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Public => "a public address",
            Self::Loopback => "an address of this machine",
            Self::Private => "a private address",
            Self::LinkLocal => "a link-local address",
            Self::Reserved => "a reserved address",
        })
    }
}

/// What the address belongs to. An IPv4 address inside an IPv6 one counts as what it is inside.
#[must_use]
pub fn kind_of(address: IpAddr) -> AddressKind {
    match address {
        IpAddr::V4(address) => kind_of_v4(address),
        IpAddr::V6(address) => kind_of_v6(address),
    }
}

/// The blocks are those of IANA's special-purpose registry for IPv4.
fn kind_of_v4(address: Ipv4Addr) -> AddressKind {
    match address.octets() {
        [0 | 127, ..] => AddressKind::Loopback,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] => AddressKind::Private,
        [169, 254, ..] => AddressKind::LinkLocal,
        [192, 0, 0 | 2, _] | [192, 88, 99, _] | [198, 18 | 19, ..] | [198, 51, 100, _] | [203, 0, 113, _] => {
            AddressKind::Reserved
        }
        [224..=255, ..] => AddressKind::Reserved,
        _ => AddressKind::Public,
    }
}

/// The blocks are those of IANA's special-purpose registry for IPv6.
fn kind_of_v6(address: Ipv6Addr) -> AddressKind {
    let parts = address.segments();
    match parts {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => AddressKind::Loopback,
        // Mapped, compatible, translated (SIIT and NAT64) and 6to4: what counts is the address that is meant.
        [0, 0, 0, 0, 0, 0xffff | 0, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => kind_of_v4(embedded(high, low)),
        // Local NAT64 and Teredo: the address that is meant is not to be read off.
        [0x64, 0xff9b, ..] | [0x2001, 0, ..] => AddressKind::Reserved,
        [0xfe80..=0xfebf, ..] => AddressKind::LinkLocal,
        // Unique local, and the older site-local.
        [0xfc00..=0xfdff | 0xfec0..=0xfeff, ..] => AddressKind::Private,
        [0x2001, 0x2..=0x1ff | 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => AddressKind::Reserved,
        [0x2000..=0x3fff, ..] => AddressKind::Public,
        _ => AddressKind::Reserved,
    }
}

fn embedded(high: u16, low: u16) -> Ipv4Addr {
    let [a, b] = high.to_be_bytes();
    let [c, d] = low.to_be_bytes();
    Ipv4Addr::new(a, b, c, d)
}
