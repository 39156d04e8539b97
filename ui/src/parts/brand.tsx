// Name and sign.
import mark from '../icon.svg';

export const Brand = () => (
  <span class="brand">
    <img src={mark} alt="" width="24" height="24" />
    mcporch
  </span>
);
