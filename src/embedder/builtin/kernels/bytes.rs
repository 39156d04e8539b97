//! Compiled-in bytes seen as numbers, without a copy.

#[cfg(target_endian = "big")]
compile_error!("the weights file is little-endian, and it is used in place");

/// Makes a function that sees bytes as numbers of one type.
macro_rules! view {
    ($(#[$doc:meta])* $name:ident, $number:ty) => {
        $(#[$doc])*
        #[expect(unsafe_code, reason = "the weights are used where the loader put them; copying them would cost 23 MB")]
        pub(in crate::embedder::builtin) fn $name(bytes: &'static [u8]) -> &'static [$number] {
            // SAFETY: any bits are a valid number of this type, and `align_to` itself cares for alignment.
            let (before, numbers, after) = unsafe { bytes.align_to::<$number>() };
            assert!(before.is_empty() && after.is_empty(), "sections of the weights file are aligned");
            numbers
        }
    };
}

view!(/** As floats. */ floats, f32);
view!(/** As sums of weights. */ sums, i32);
view!(/** As unsigned 32-bit numbers. */ words, u32);
view!(/** As unsigned 16-bit numbers. */ shorts, u16);
view!(/** As small integers. */ integers, i8);
